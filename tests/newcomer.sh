#!/usr/bin/env bash
# The way of somebody new, on a bare Debian: the program, the demo in a browser and in VLC, own settings, sign-in,
# check, and a mount that is written to. On demand only: it fetches a Debian of some 1.5 GB into a temporary folder,
# which it removes.
#
#     cargo build --release && sudo tests/newcomer.sh [PROGRAM or PACKAGE.deb]
set -euo pipefail

# --- outside: make the Debian, put the program there, and walk in.
if [ "${1:-}" != --inside ]; then
    cd "$(dirname "$0")/.."
    [ "$(id -u)" -eq 0 ] || { echo "it needs root: it makes a Debian of its own and mounts there"; exit 2; }
    program=$(realpath "${1:-target/release/alidav}")
    command -v debootstrap >/dev/null || apt-get install -qq -y --no-install-recommends debootstrap >/dev/null
    ROOT=$(mktemp -d)
    chmod 755 "$ROOT"
    leave() {
        for at in "$ROOT"/home/new/mount "$ROOT"/dev "$ROOT"/proc; do
            mountpoint -q "$at" && umount -l "$at"
        done
        # Nothing of this machine may hang below it any more.
        ! grep -q " $ROOT/" /proc/mounts && rm -rf "$ROOT"
    }
    trap leave EXIT
    echo "== a bare Debian"
    suite=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release)
    debootstrap --variant=minbase "$suite" "$ROOT" >"$ROOT.log" 2>&1 || { tail "$ROOT.log"; exit 1; }
    rm -f "$ROOT.log"
    # Packages come the way they come to this machine, names are resolved likewise.
    rm -f "$ROOT/etc/apt/sources.list"
    for file in /etc/apt/sources.list /etc/apt/sources.list.d /etc/apt/apt.conf.d /etc/apt/auth.conf.d /etc/apt/trusted.gpg.d \
        /usr/share/keyrings /usr/local/share/ca-certificates /etc/ssl/certs /etc/resolv.conf; do
        [ ! -e "$file" ] || { mkdir -p "$ROOT${file%/*}" && cp -rL "$file" "$ROOT${file%/*}/"; }
    done
    mount --rbind /dev "$ROOT/dev"
    mount --make-rslave "$ROOT/dev"
    mount -t proc proc "$ROOT/proc"
    run() { chroot "$ROOT" /usr/bin/env -i PATH=/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin LANG=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"; }
    run chown -R _apt /var/lib/apt/lists/partial
    run apt-get update -qq
    run apt-get install -qq -y --no-install-recommends ca-certificates chromium vlc-bin vlc-plugin-base curl jq rclone fuse3 \
        >"$ROOT/packages.log" 2>&1 || { tail "$ROOT/packages.log"; exit 1; }
    run useradd --create-home new
    case "$program" in
        *.deb) cp "$program" "$ROOT/alidav.deb" && run apt-get install -qq -y /alidav.deb >/dev/null ;;
        *) install -m 755 "$program" "$ROOT/usr/local/bin/alidav" ;;
    esac
    install -m 755 "$0" "$ROOT/usr/local/bin/newcomer"
    run setpriv --reuid new --regid new --init-groups env HOME=/home/new newcomer --inside
    exit
fi

# --- inside, as an ordinary user.
cd "$HOME"
PIDS=()
finish() {
    local status=$?
    fusermount3 -u "$HOME/mount" 2>/dev/null || true
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    [ "$status" -eq 0 ] || tail -n 20 ./*.log
}
trap finish EXIT

# launch NAME LINE COMMAND...: starts a command and waits until it prints the line.
launch() {
    local name=$1 line=$2
    shift 2
    : >"$name.out"
    "$@" >"$name.out" 2>"$name.log" &
    PIDS+=($!)
    for _ in $(seq 300); do
        grep -q "$line" "$name.out" && return
        sleep 0.1
    done
    echo "$name does not start"
    return 1
}

echo "== the program: $(alidav --version | head -1)"
launch demo '^stop' alidav demo --listen 127.0.0.1:0
pages=$(sed -n 's/^pages *\([^ ]*\) .*/\1/p' demo.out)
film=$(sed -n 's/^film *\([^ ]*\) .*/\1/p' demo.out)
echo "== the demo in a browser: $pages"
# As the page is once its scripts have run; whoever comes first is led to this one.
timeout 120 chromium --headless --no-sandbox --disable-gpu --virtual-time-budget=4000 --dump-dom "${pages}login" >page.html 2>chromium.log
grep -q 'type="password"' page.html || { echo "the pages do not ask who comes"; exit 1; }
echo "== the demo in VLC: $film"
timeout 120 cvlc -vv --intf dummy --vout dummy --aout dummy --no-xlib --run-time 4 --play-and-exit "$film" >vlc.out 2>vlc.log || true
grep -q 'Received first picture' vlc.log || { echo "VLC shows no picture"; exit 1; }

echo "== own settings, against a drive of one's own: alidav simulate"
launch drive '^listening' alidav simulate --listen 127.0.0.1:0
drive=$(sed -n 's/^listening on //p' drive.out)
# Whoever is asked to scan a code does so at the third look.
curl -sf -X POST "$drive/sim/rules" -d '{"qr_auto_confirm":3}' >/dev/null
password=$(printf 'my own password\nmy own password\n' | alidav hash-password)
cat >alidav.toml <<SETTINGS
listen = ["127.0.0.1:0"]

[upstream]
api_url = "$drive"

[[account]]
oauth_token_urls = ["$drive/alicloud/renewapi"]

[[mount]]
path = "/"

[[user]]
name = "me"
password = "$password"
SETTINGS
chmod 600 alidav.toml
echo "== sign-in"
timeout 60 alidav login >login.out 2>login.log
grep -i 'signed in' login.out
echo "== check"
alidav check 2>check.log | tee check.out
! grep -q FAIL check.out
launch alidav '^listening' alidav
url=$(sed -n 's/^listening on //p' alidav.out)/dav/
echo "== a mount: $url"
mkdir mount
rclone mount --webdav-url "$url" --webdav-vendor nextcloud --webdav-user me \
    --webdav-pass "$(rclone obscure 'my own password')" --vfs-cache-mode writes :webdav: mount 2>rclone.log &
PIDS+=($!)
for _ in $(seq 100); do grep -q " $HOME/mount " /proc/mounts && break; sleep 0.1; done
ls mount
head -c 3000000 /dev/urandom >content
cp content mount/content.bin
sum=$(sha1sum <content)
# rclone uploads behind the copy.
for _ in $(seq 100); do
    [ "$(curl -sL -u 'me:my own password' "${url}content.bin" | sha1sum)" = "$sum" ] && break
    sleep 0.2
done
[ "$(curl -sL -u 'me:my own password' "${url}content.bin" | sha1sum)" = "$sum" ] || { echo "what was copied did not arrive"; exit 1; }
echo "all of it works"
