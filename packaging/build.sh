#!/usr/bin/env bash
# Makes everything that is given out, in target/dist: packaging/build.sh [amd64] [arm64] [arm], without words the first
# two. For each: an archive with the static program, and a .deb; then third-party notices, SBOM and checksums.
# Needs what packaging/programs.sh needs, Python 3.11 and dpkg-deb. The same sources and tools give the same files.
set -euo pipefail
cd "$(dirname "$0")/.."
umask 022
[ $# -gt 0 ] || set -- amd64 arm64
DIST="$PWD/target/dist"
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)

packaging/programs.sh "$@"
# Not before: a program asks git itself, and cargo compiles all C anew for another day.
SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct 2>/dev/null || date +%s)}
export SOURCE_DATE_EPOCH
rm -rf "$DIST/files" "$DIST/release"
mkdir -p "$DIST/files" "$DIST/release"

# What is the same for every machine: the program prints its manual and completions itself.
common_files() {
    local arch here=
    for arch in "$@"; do
        if "$DIST/programs/$arch/alidav" --version >/dev/null 2>&1; then here="$DIST/programs/$arch/alidav"; fi
    done
    [ -n "$here" ] || { echo "packaging/build.sh: none of these programs runs here; add this machine's own" >&2; return 1; }
    "$here" man --dir "$DIST/files/man"
    mkdir "$DIST/files/completions"
    for shell in bash zsh fish; do
        "$here" completions "$shell" >"$DIST/files/completions/alidav.$shell"
    done
    cp LICENSE README.md README.zh-CN.md CHANGELOG.md config.example.toml packaging/alidav.service "$DIST/files/"
    python3 packaging/notices.py "$VERSION" "$DIST/files"
}

# archive ARCH: one folder, to be unpacked anywhere.
archive() {
    local name="alidav-$VERSION-linux-$1"
    mkdir "$DIST/$name"
    cp -r "$DIST/files/." "$DIST/programs/$1/alidav" "$DIST/$name/"
    tar --sort=name --owner=0 --group=0 --numeric-owner --mtime="@$SOURCE_DATE_EPOCH" -C "$DIST" -c "$name" |
        gzip -9n >"$DIST/release/$name.tar.gz"
    rm -r "${DIST:?}/$name"
}

common_files "$@"
for arch in "$@"; do
    archive "$arch"
    packaging/deb.sh "$arch" "$VERSION"
done
cp "$DIST/files/SBOM.cdx.json" "$DIST/release/alidav-$VERSION.cdx.json"
(cd "$DIST/release" && sha256sum -- * >SHA256SUMS)
ls -l "$DIST/release"
