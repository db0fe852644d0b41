#!/usr/bin/env bash
# A view as media servers and players take it: rclone lists and reads it, ffprobe opens every address, ffmpeg decodes a
# whole film over three lives of its addresses by both ways, mpv changes the quality, an export is a library.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
ffmpeg -v error -f lavfi -i testsrc=duration=20:size=320x240:rate=10 -g 10 -y "$WORK/film.mp4"
for name in "E01" "E02" "片 3#"; do
    put "$WORK/film.mp4" "films/Show/$(jq -rn --arg name "$name" '$name | @uri').mp4"
done
echo '<nfo/>' >"$WORK/nfo"
put "$WORK/nfo" "films/Show/tvshow.nfo"

# A port that the addresses can name beforehand.
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
SERVERS=$((SERVERS + 1))
# settings WAY: a view of originals and one of three qualities; segments go that way.
settings() {
    cat >"$WORK/alidav.toml" <<END
listen = ["127.0.0.1:$port"]
state = "sqlite:$WORK/state.db"
log = "info,alidav=debug"
[upstream]
api_url = "$SIM"
list_per_s = 100000
link_per_s = 100000
other_per_s = 100000
[[account]]
name = "main"
oauth_token_urls = ["$SIM/alicloud/renewapi"]
refresh_token = "$(curl -sf "$SIM/sim/token" | jq -r .refresh_token)"
[[user]]
name = "me"
password = "secret word"
[[mount]]
path = "/"
[web]
segments = "$1"
[[view]]
path = "/strm"
source = "/films"
base_url = "http://127.0.0.1:$port"
[[view]]
path = "/hls"
source = "/films"
base_url = "http://127.0.0.1:$port"
quality = ["best", "FHD", "LD"]
END
    chmod 600 "$WORK/alidav.toml"
}
run() {
    settings "$1"
    start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
    URL=$ADDRESS
    server=${PIDS[-1]}
}

run proxy
rclone config create dav webdav url="$URL/dav" vendor=other user=me pass="secret word" --obscure >/dev/null 2>&1
equal "names" "Show/E01.strm Show/E02.strm Show/tvshow.nfo Show/片 3#.strm" \
    "$(rclone lsf -R --files-only dav:strm | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
lever calls/reset
rclone copy dav:strm "$WORK/copied" 2>&1
rclone copy dav:hls "$WORK/copied-hls" 2>&1
equal "calls to list and read both views" 0 "$(calls)"
while read -r file; do
    address=$(cat "$file")
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$address")
    case "$file" in
        */copied/*) equal "length of $file" 20.000000 "$length" ;;
        *) CHECKS=$((CHECKS + 1)); awk -v length="$length" 'BEGIN { exit !(length > 60 && length < 61) }' ||
            { echo "length of $file: $length"; exit 1; } ;;
    esac
done < <(find "$WORK/copied" "$WORK/copied-hls" -name '*.strm')
equal "films probed" 12 "$(find "$WORK/copied" "$WORK/copied-hls" -name '*.strm' | wc -l)"

"$ALIDAV" check --config "$WORK/alidav.toml" >"$WORK/check.txt"
contains "check tries the address" "leads to this server" "$(cat "$WORK/check.txt")"

# An export while the server runs: the second one has nothing to do.
equal "export" "wrote 4, removed 0, left alone 0, unchanged 0, failed 0" \
    "$("$ALIDAV" export --config "$WORK/alidav.toml" /strm "$WORK/library")"
equal "export again" "wrote 0, removed 0, left alone 0, unchanged 4, failed 0" \
    "$("$ALIDAV" export --config "$WORK/alidav.toml" /strm "$WORK/library")"
equal "the same as the view" "" "$(diff -r -x .alidav-export "$WORK/copied" "$WORK/library")"

# A whole film at the speed of its player, while its addresses end three times.
lever rules '{"rate_limits":false,"preview_url_s":16}'
for way in proxy redirect; do
    kill "$server" && wait "$server" || true
    run "$way"
    lever calls/reset
    address=$(cat "$WORK/copied-hls/Show/E01 - best.strm")
    ffmpeg -v warning -xerror -readrate 1.3 -i "$address" -f null - 2>"$WORK/ffmpeg.txt"
    equal "ffmpeg has nothing to say by $way" "" "$(cat "$WORK/ffmpeg.txt")"
    lives=$(calls openFile/getVideoPreviewPlayInfo)
    CHECKS=$((CHECKS + 1))
    [ "$lives" -ge 3 ] || { echo "only $lives lives of the addresses by $way"; exit 1; }
done

if command -v mpv >/dev/null; then
    # The other quality is another file of the view; within one film it is another program of the master playlist.
    master=$(sed 's,/LD.m3u8,/master.m3u8,' "$WORK/copied-hls/Show/E01 - 360p.strm")
    for bitrate in min max; do
        size=$(mpv --no-config --vo=null --ao=null --untimed --end=3 --hls-bitrate=$bitrate \
            --term-playing-msg='size=${width}x${height}' "$master" 2>&1 | sed -n 's/.*size=//p' | head -1)
        echo "mpv $bitrate: $size"
        sizes="${sizes:-} $size"
    done
    equal "mpv's qualities" " 640x360 1920x1080" "$sizes"
    printf '%s\n' '{"command":["set_property","vid",1]}' >/dev/null
fi
echo "$CHECKS checks"
