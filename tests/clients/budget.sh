#!/usr/bin/env bash
# What rclone and curl cost in calls to the drive, counted by the drive itself.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
for n in $(seq -w 100); do
    curl -sf -X PUT -d x "$SIM/sim/files/default/folder$n/file" >/dev/null
done
serve '[[mount]]' 'path = "/"'
rclone config create r webdav url="$URL/dav" vendor=other user=me pass="secret word" --obscure >/dev/null 2>&1
status -X PROPFIND -H "Depth: 0" "$URL/dav/" >/dev/null
lever reset
equal "rclone finds 200 items" 200 "$(rclone lsf -R r: | wc -l)"
# One listing for each folder and one for the root; signing in and the drive ids are once ever.
equal "cold" 101 "$(calls openFile/list)"
lever reset
equal "rclone finds them again" 200 "$(rclone lsf -R r: | wc -l)"
equal "warm" 0 "$(calls)"

# A restart with a live token asks for nothing but the listing.
kill "${PIDS[1]}"
wait "${PIDS[1]}" || true
lever reset
start again "$ALIDAV" serve --config "$WORK/alidav.toml"
URL=$ADDRESS
equal "listing after a restart" 207 "$(status -X PROPFIND -H 'Depth: 1' "$URL/dav/")"
equal "calls after a restart" 1 "$(calls)"
equal "which is the listing" 1 "$(calls openFile/list)"
echo "$CHECKS checks"
