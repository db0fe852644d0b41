#!/usr/bin/env bash
# The image of the program that packaging/programs.sh built for this machine, for packaging/test.sh: made by docker, or
# by buildah, which needs no service and takes what the image has of a system from this one. It says its version, serves
# the demo as another user than root, and has its labels. Needs root, jq and curl.
set -euo pipefail
cd "$(dirname "$0")/.."
ARCH=$(dpkg --print-architecture)
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
WORK=$(mktemp -d)
PROGRAMS=$PWD/target/dist/programs

fail() {
    echo "FAILED: $*" >&2
    exit 1
}

equal() {
    [ "$2" = "$3" ] || fail "$1: $3 instead of $2"
}

if docker info >/dev/null 2>&1; then
    trap 'docker image rm alidav-tried >/dev/null; rm -rf "$WORK"' EXIT
    docker buildx build --load --tag alidav-tried --build-context "programs=$PROGRAMS" .
    equal "version" "$VERSION" "$(docker run --rm --read-only alidav-tried --version | cut -d' ' -f2)"
    equal "user" 10001:10001 "$(docker image inspect alidav-tried | jq -r '.[0].Config.User')"
    docker image ls alidav-tried
    exit
elif ! command -v buildah >/dev/null; then
    echo "skipped: neither docker nor buildah (package buildah)"
    exit
fi

# The process that runs within those which buildah puts around it.
innermost() {
    local pid=$1 child
    while child=$(pgrep -P "$pid"); do pid=$child; done
    echo "$pid"
}

store() {
    buildah --storage-driver vfs --root "$WORK/store" --runroot "$WORK/run" "$@"
}
trap '[ -z "${SERVER:-}" ] || kill "$(innermost "$SERVER")"; wait; store rm --all >/dev/null; rm -rf "$WORK"' EXIT

# As the Dockerfile's stage of that name makes it.
SYSTEM=$WORK/context/system
install -D -t "$SYSTEM/etc/ssl/certs" /etc/ssl/certs/ca-certificates.crt
install -d "$SYSTEM/usr/share"
cp -r /usr/share/zoneinfo "$SYSTEM/usr/share/"
rm -rf "$SYSTEM"/usr/share/zoneinfo/{right,posix}
echo 'alidav:x:10001:10001::/data:/sbin/nologin' >"$SYSTEM/etc/passwd"
echo 'alidav:x:10001:' >"$SYSTEM/etc/group"
install -d -m 0700 -o 10001 -g 10001 "$SYSTEM/data"
install -d -m 1777 "$SYSTEM/tmp"
# Without the sources, of which nothing is taken.
install -D -t "$WORK/empty" Dockerfile
store build --quiet --format docker --isolation chroot --build-arg "TARGETARCH=$ARCH" \
    --build-context "programs=$PROGRAMS" --build-context "system=$WORK/context" --tag alidav-tried "$WORK/empty" >/dev/null
store inspect alidav-tried >"$WORK/image.json"
equal "user" 10001:10001 "$(jq -r .Docker.config.User "$WORK/image.json")"
equal "label" "$VERSION" "$(jq -r '.Docker.config.Labels["org.opencontainers.image.version"]' "$WORK/image.json")"
equal "health" "alidav check --live" "$(jq -r '.Docker.config.Healthcheck.Test[1:] | join(" ")' "$WORK/image.json")"
store images

CONTAINER=$(store from alidav-tried)
within() {
    store run --isolation chroot "$CONTAINER" -- "$@"
}
equal "version" "$VERSION" "$(within alidav --version | cut -d' ' -f2)"
within alidav demo --listen 127.0.0.1:0 >"$WORK/out" 2>"$WORK/log" &
SERVER=$!
for _ in $(seq 100); do grep -q '^stop' "$WORK/out" && break; sleep 0.1; done
url=$(sed -n 's/^WebDAV *\([^ ]*\) .*/\1/p' "$WORK/out")
equal "a listing" 207 "$(curl -s -o /dev/null -w '%{http_code}' -u demo:demo -X PROPFIND -H 'Depth: 1' "$url")"
program=$(innermost "$SERVER")
equal "who runs it" 10001 "$(awk '/^Uid/ { print $2 }' "/proc/$program/status")"
echo "the image serves"
