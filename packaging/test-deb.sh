#!/usr/bin/env bash
# The life of the .deb in a bare Debian, for packaging/test.sh: packaging/test-deb.sh ROOT. It is installed, serves by its
# unit's command line, is upgraded over the version before, removed and purged; the sign-in outlives all of it.
cd "$(dirname "$0")/.." || exit
# Its traps end what is started here.
ALIDAV="$PWD/target/dist/programs/$(dpkg --print-architecture)/alidav" TMPDIR="$1/tmp"
export ALIDAV TMPDIR
source tests/clients/lib.sh
ROOT=$1
ARCH=$(dpkg --print-architecture)
VERSION=$(sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -1)
STATE="$ROOT/var/lib/alidav/alidav.db"
SETTINGS="$ROOT/etc/alidav/alidav.toml"

within() {
    chroot "$ROOT" env LC_ALL=C DEBIAN_FRONTEND=noninteractive "$@"
}

# deb NAME: of target/dist/release or target/dist/before, seen from within.
deb() {
    cp "$1" "$ROOT/tmp/alidav.deb"
    within apt-get install -qq -y /tmp/alidav.deb >"$WORK/apt.log" 2>&1
    grep '^alidav:' "$WORK/apt.log" || true
}

# As the unit starts it.
start_service() {
    local line
    line=$(sed -n 's/^ExecStart=//p' "$ROOT/usr/lib/systemd/system/alidav.service")
    # shellcheck disable=SC2086 # each word is one argument
    start service chroot --userspec=alidav:alidav "$ROOT" $line
    URL=$ADDRESS
}

stop_service() {
    kill "${PIDS[-1]}"
    wait "${PIDS[-1]}" || true
    unset 'PIDS[-1]'
}

serves() {
    equal "$1" 200 "$(curl -s -o /dev/null -w '%{http_code}' -u 'me:secret word' "$URL/dav/file.txt")"
}

settings() { # without the refresh token the state must have it
    cat >"$SETTINGS" <<TOML
listen = ["127.0.0.1:0"]
state = "sqlite:/var/lib/alidav/alidav.db"
[upstream]
api_url = "$SIM"
[[account]]
name = "main"
oauth_token_urls = ["$SIM/alicloud/renewapi"]
$1
[[mount]]
path = "/"
link_policy = "proxy"
[[user]]
name = "me"
password = "secret word"
TOML
}

cp /etc/resolv.conf "$ROOT/etc/resolv.conf"
within apt-get update -qq
simulate
echo hello >"$WORK/file.txt"
put "$WORK/file.txt" file.txt

echo "-- the version before is installed"
rm -rf target/dist/before
mkdir target/dist/before
packaging/deb.sh "$ARCH" 0.0.9
mv target/dist/release/alidav_0.0.9-1_"$ARCH".deb target/dist/before/
deb target/dist/before/alidav_0.0.9-1_"$ARCH".deb
equal "owner and mode of the state" "alidav 700" "$(within stat -c '%U %a' /var/lib/alidav)"
equal "owner, group and mode of the settings" "root alidav 640" "$(within stat -c '%U %G %a' /etc/alidav/alidav.toml)"
contains "the settings as they come" "nobody can come in" "$(chroot --userspec=alidav:alidav "$ROOT" alidav check --config /etc/alidav/alidav.toml 2>&1 || true)"
for file in usr/share/man/man1/alidav.1.gz usr/share/bash-completion/completions/alidav usr/share/doc/alidav/copyright; do
    [ -s "$ROOT/$file" ] || { echo "missing: $file"; exit 1; }
done

echo "-- it serves"
settings "refresh_token = \"$(curl -sf "$SIM/sim/token" | jq -r .refresh_token)\""
start_service
serves "the version before"
stop_service
settings ""
sum=$(sha256sum <"$SETTINGS")

echo "-- an upgrade keeps settings and state"
deb target/dist/release/alidav_"$VERSION"-1_"$ARCH".deb
equal "the version installed" "$VERSION-1" "$(within dpkg-query -W -f '${Version}' alidav)"
equal "the settings" "$sum" "$(sha256sum <"$SETTINGS")"
start_service
serves "by the sign-in that the version before had"
stop_service

echo "-- removed"
within apt-get remove -qq -y alidav >"$WORK/apt.log" 2>&1
[ ! -e "$ROOT/usr/bin/alidav" ] || { echo "the program is still there"; exit 1; }
equal "the settings, removed" "$sum" "$(sha256sum <"$SETTINGS")"
[ -s "$STATE" ] || { echo "the state is gone"; exit 1; }

echo "-- purged"
within apt-get purge -qq -y alidav >"$WORK/apt.log" 2>&1
contains "what stays is said" "/var/lib/alidav stays" "$(cat "$WORK/apt.log")"
[ ! -e "$SETTINGS" ] || { echo "the settings are still there"; exit 1; }
[ -s "$STATE" ] || { echo "the state is gone"; exit 1; }
deb target/dist/release/alidav_"$VERSION"-1_"$ARCH".deb
settings ""
start_service
serves "installed anew, by the sign-in that was left"
stop_service
echo "$CHECKS checks of the .deb"
