#!/usr/bin/env bash
# Makes the .deb of a built program, for packaging/build.sh: packaging/deb.sh ARCH VERSION.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
DIST="$PWD/target/dist"
FILES="$DIST/files"
# Debian's word for ARM with 32 bits and a floating-point unit.
case "$1" in arm) ARCH=armhf ;; *) ARCH=$1 ;; esac
ROOT="$DIST/deb-$1"
rm -rf "$ROOT"

# put FILE PATH: as data of the package.
put() {
    install -D -m 0644 "$1" "$ROOT/$2"
}

install -D -m 0755 "$DIST/programs/$1/alidav" "$ROOT/usr/bin/alidav"
install -d "$ROOT/usr/lib/systemd/system"
sed 's,/usr/local/bin/,/usr/bin/,; 1,2d' packaging/alidav.service >"$ROOT/usr/lib/systemd/system/alidav.service"
# Not a file of /etc that dpkg would ask about: postinst copies it once, and what holds secrets is the owner's then.
put packaging/debian/alidav.toml usr/share/alidav/alidav.toml
put "$FILES/completions/alidav.bash" usr/share/bash-completion/completions/alidav
put "$FILES/completions/alidav.zsh" usr/share/zsh/vendor-completions/_alidav
put "$FILES/completions/alidav.fish" usr/share/fish/vendor_completions.d/alidav.fish
for page in "$FILES"/man/*; do
    put "$page" "usr/share/man/man1/${page##*/}"
done
gzip -9n "$ROOT"/usr/share/man/man1/*
put config.example.toml usr/share/doc/alidav/examples/config.example.toml
put LICENSE usr/share/doc/alidav/copyright
put "$FILES/THIRD-PARTY.md" usr/share/doc/alidav/THIRD-PARTY.md
put CHANGELOG.md usr/share/doc/alidav/CHANGELOG.md

mkdir "$ROOT/DEBIAN"
cat >"$ROOT/DEBIAN/control" <<CONTROL
Package: alidav
Version: $2-1
Architecture: $ARCH
Maintainer: alidav
Installed-Size: $(du -sk --apparent-size "$ROOT" | cut -f1)
Depends: ca-certificates, passwd
Suggests: tzdata
Section: net
Priority: optional
Description: WebDAV server for Aliyundrive's open platform
 Serves the drive's files to players, file managers and backup programs over
 WebDAV, and to browsers as pages.
CONTROL
for script in postinst prerm postrm; do
    install -m 0755 "packaging/debian/$script" "$ROOT/DEBIAN/$script"
done
find "$ROOT" -exec touch --no-dereference --date "@${SOURCE_DATE_EPOCH:-$(date +%s)}" {} +
dpkg-deb --root-owner-group -Zxz --build "$ROOT" "$DIST/release/alidav_$2-1_$ARCH.deb" >/dev/null
rm -r "$ROOT"
