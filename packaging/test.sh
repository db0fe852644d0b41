#!/usr/bin/env bash
# Tries what packaging/build.sh made for this machine, on demand: packaging/test.sh [CLIENT…], names of tests/clients/*.sh.
# The program serves from roots with nothing but itself, and the .deb is installed in a bare Debian. Needs root.
set -euo pipefail
cd "$(dirname "$0")/.."
ARCH=$(dpkg --print-architecture)
PROGRAM="$PWD/target/dist/programs/$ARCH/alidav"
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
[ $# -gt 0 ] || set -- demo curl rclone
ROOTS=$(mktemp -d)
trap 'rm -rf "$ROOTS"' EXIT
chmod 755 "$ROOTS"

for pair in debootstrap:debootstrap /bin/busybox:busybox-static readelf:binutils curl:curl jq:jq nginx:nginx-light docker-compose:docker-compose; do
    command -v "${pair%%:*}" >/dev/null || apt-get install -qq -y --no-install-recommends "${pair##*:}" >/dev/null
done

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

# An absolute path of the machine means the same within: a link leads back to the root.
make_root() {
    mkdir -p "$1/tmp" "$1/usr/bin" "$1${1%/*}"
    chmod 1777 "$1/tmp"
    ln -s / "$1$1"
    cp "$PROGRAM" "$1/usr/bin/alidav"
    # None of this machine's certificates.
    printf '#!/bin/sh\nexec env -u SSL_CERT_FILE -u SSL_CERT_DIR chroot %s /usr/bin/alidav "$@"\n' "$1" >"$1.sh"
    chmod +x "$1.sh"
}

clients() {
    local root=$1 client
    shift
    for client in "$@"; do
        echo "-- $client, served from ${root##*/}"
        ALIDAV="$root.sh" TMPDIR="$root/tmp" timeout 900 bash "tests/clients/$client.sh" || fail "$client in ${root##*/}"
    done
}

echo "== the program"
[ "$("$PROGRAM" --version | cut -d' ' -f2)" = "$VERSION" ] || fail "it says another version"
readelf --program-headers "$PROGRAM" | grep -q INTERP && fail "it needs a loader"
readelf --dynamic "$PROGRAM" | grep -q NEEDED && fail "it needs libraries"
for program in target/dist/programs/*/alidav; do
    ls -l "$program"
    [ "$(stat -c %s "$program")" -le 20000000 ] || fail "$program is larger than 20 MB"
done
"$PROGRAM" simulate --empty --listen 127.0.0.1:0 >"$ROOTS/simulate" &
for _ in $(seq 100); do grep -q '^listening' "$ROOTS/simulate" && break; sleep 0.1; done
huge=$(sed -n 's/^THP_enabled:\s*//p' "/proc/$!/status")
kill "$!"
[ "${huge:-0}" = 0 ] || fail "it takes huge pages: packaging/mimalloc.c has no effect"

echo "== nothing but itself"
make_root "$ROOTS/empty"
clients "$ROOTS/empty" "$@"

echo "== busybox and musl"
make_root "$ROOTS/busybox"
install -D /bin/busybox "$ROOTS/busybox/bin/busybox"
chroot "$ROOTS/busybox" /bin/busybox sh -c 'alidav --version && printf "word\nword\n" | alidav hash-password' |
    grep -qF '$argon2id$' || fail "a password is not hashed"
clients "$ROOTS/busybox" curl

echo "== a bare Debian"
debootstrap --variant=minbase "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$ROOTS/debian" >"$ROOTS/debootstrap.log"
make_root "$ROOTS/debian"
clients "$ROOTS/debian" "$@"
rm "$ROOTS/debian/usr/bin/alidav"
packaging/test-deb.sh "$ROOTS/debian"

echo "== other machines' programs"
for pair in amd64:x86_64 arm64:aarch64 arm:arm; do
    arch=${pair%%:*} emulator="qemu-${pair##*:}-static"
    program="$PWD/target/dist/programs/$arch/alidav"
    [ "$arch" != "$ARCH" ] && [ -e "$program" ] || continue
    if ! command -v "$emulator" >/dev/null; then
        echo "skipped: $arch, without $emulator (package qemu-user-static)"
        continue
    fi
    printf '#!/bin/sh\nexec %s %s "$@"\n' "$emulator" "$program" >"$ROOTS/$arch.sh"
    chmod +x "$ROOTS/$arch.sh"
    "$ROOTS/$arch.sh" --version
    ALIDAV="$ROOTS/$arch.sh" timeout 900 bash tests/clients/curl.sh || fail "curl of $arch"
done

echo "== several instances"
packaging/test-several.sh

echo "== the image"
packaging/test-image.sh

echo "all passed"
