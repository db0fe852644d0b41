#!/usr/bin/env bash
# PUT of one file through alidav and, in turns, by curl writing the same parts straight to the drive: rate,
# and alidav's peak resident memory. SIZE_MB, ROUNDS and PART_MB can be set.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-5}"
SIZE_MB="${SIZE_MB:-1024}"
PART_MB="${PART_MB:-20}"

simulate
lever rules '{"rate_limits":false,"discard_uploads":true}'
serve '[[mount]]' 'path = "/"' 'rapid_upload = false'
TOKEN=$(curl -sf "$SIM/sim/token")
DRIVE=$(jq -r .backup_drive_id <<<"$TOKEN")
ACCESS=$(curl -sf "$SIM/alicloud/renewapi?refresh_ui=$(jq -r .refresh_token <<<"$TOKEN")&server_use=true&driver_txt=alicloud_qr" | jq -r .access_token)
PARTS=$(((SIZE_MB + PART_MB - 1) / PART_MB))
head -c $((PART_MB * 1048576)) /dev/urandom >"$WORK/part"
if [ "$SIZE_MB" -le 2048 ]; then head -c $((SIZE_MB * 1048576)) /dev/urandom >"$WORK/whole"; fi

api() {
    curl -sf -A bench -H "Authorization: Bearer $ACCESS" -H 'Content-Type: application/json' -d "$2" "$SIM/adrive/v1.0/openFile/$1"
}

# The parts of one file, each by curl, over one connection, straight to their addresses.
straight() {
    local session list
    list=$(jq -nc --argjson n "$PARTS" '[range(1; $n + 1) | {part_number: .}]')
    session=$(api create "{\"drive_id\":\"$DRIVE\",\"parent_file_id\":\"root\",\"name\":\"straight\",\"type\":\"file\",\"check_name_mode\":\"ignore\",\"part_info_list\":$list}")
    jq -r '.part_info_list[].upload_url' <<<"$session" |
        awk -v part="$WORK/part" '{ print (NR > 1 ? "next\n" : "") "url = \"" $0 "\"\nupload-file = \"" part "\"\nheader = \"Content-Type:\"\nheader = \"Expect:\"\nsilent\nfail" }' >"$WORK/curl.conf"
    curl -K "$WORK/curl.conf"
    api complete "$(jq -c '{drive_id, file_id, upload_id}' <<<"$session")" >/dev/null
}

# Through alidav, from a file, or from a pipe of made-up bytes where it would be too large for a disk.
through() {
    if [ -e "$WORK/whole" ]; then
        http -f -o /dev/null -H 'Expect:' -T "$WORK/whole" "$URL/dav/through"
    else
        for _ in $(seq "$PARTS"); do cat "$WORK/part"; done | http -f -o /dev/null -H 'Expect:' -T - "$URL/dav/through"
    fi
}

seconds() {
    local started
    started=$(date +%s.%N)
    "$@"
    awk -v s="$started" -v e="$(date +%s.%N)" 'BEGIN { printf "%.3f\n", e - s }'
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

for _ in $(seq "$ROUNDS"); do
    seconds through >>"$WORK/through"
    seconds straight >>"$WORK/straight"
done
awk -v a="$(median "$WORK/through")" -v s="$(median "$WORK/straight")" -v mb="$SIZE_MB" \
    'BEGIN { printf "%d MiB: alidav %.0f MiB/s, straight %.0f MiB/s, ratio %.2f\n", mb, mb / a, mb / s, s / a }'
echo "peak resident memory of alidav: $(awk '/VmHWM/ { print $2 / 1024 " MiB" }' "/proc/${PIDS[1]}/status") with parts of $PART_MB MiB"
