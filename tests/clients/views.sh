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
lever reset
rclone copy dav:strm "$WORK/copied" 2>&1
rclone copy dav:hls "$WORK/copied-hls" 2>&1
equal "calls to list and read both views" 0 "$(calls)"
while read -r file; do
    address=$(cat "$file")
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$address")
    case "$file" in
        */copied/*) equal "length of $file" 20.000000 "$length" ;;
        *) equal "length of $file" 60.500000 "$length" ;;
    esac
done < <(find "$WORK/copied" "$WORK/copied-hls" -name '*.strm')
equal "films probed" 12 "$(find "$WORK/copied" "$WORK/copied-hls" -name '*.strm' | wc -l)"

# A media server reads a view that is mounted, and probes what stands in it under a name of its own.
if [ "$(id -u)" -eq 0 ] && [ -e /dev/fuse ] && command -v fusermount3 >/dev/null; then
    mkdir "$WORK/mnt"
    rclone mount dav:strm "$WORK/mnt" --read-only 2>"$WORK/mount.txt" &
    mounted=$!
    for _ in $(seq 100); do mountpoint -q "$WORK/mnt" || sleep 0.1; done
    while read -r file; do
        length=$(ffprobe -v error -user_agent Jellyfin-Server/10.10.7 -show_entries format=duration -of csv=p=0 "$(cat "$file")")
        equal "length of $file" 20.000000 "$length"
    done < <(find "$WORK/mnt" -name '*.strm')
    equal "the mounted view is the one that was copied" "" "$(diff -r "$WORK/copied" "$WORK/mnt")"
    fusermount3 -u "$WORK/mnt"
    wait "$mounted"
else
    echo "skipped: a mount of a view needs root, /dev/fuse and fusermount3"
fi

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
    lever reset
    address=$(cat "$WORK/copied-hls/Show/E01 - best.strm")
    ffmpeg -v warning -xerror -readrate 1.3 -progress "$WORK/progress.txt" -i "$address" -f null - 2>"$WORK/ffmpeg.txt"
    # That a connection leads to another host after a redirect it says each time, and opens a new one.
    equal "ffmpeg has nothing to say by $way" "" "$(grep -v 'Cannot reuse HTTP connection\|keepalive request failed' "$WORK/ffmpeg.txt")"
    contains "the whole film by $way" "out_time=00:01:00" "$(grep out_time= "$WORK/progress.txt" | tail -1)"
    lives=$(calls openFile/getVideoPreviewPlayInfo)
    CHECKS=$((CHECKS + 1))
    [ "$lives" -ge 3 ] || { echo "only $lives lives of the addresses by $way"; exit 1; }
done

# The master playlist has all qualities; mpv goes to another one in the middle of the film.
cat >"$WORK/switch.lua" <<'END'
local switched = false
mp.observe_property("video-params", "native", function(_, video)
    if video and video.w then print("SIZE " .. video.w .. "x" .. video.h) end
end)
mp.observe_property("time-pos", "number", function(_, time)
    if time and time > 2 and not switched then
        switched = true
        mp.set_property("vid", 4)
        mp.set_property("aid", 4)
    end
end)
END
master=$(sed 's,/LD.m3u8,/master.m3u8,' "$WORK/copied-hls/Show/E01 - 360p.strm")
sizes=$(mpv --no-config --vo=null --ao=null --end=6 --hls-bitrate=min --script="$WORK/switch.lua" "$master" 2>&1 |
    sed -n 's/.*SIZE \([0-9x]*\).*/\1/p' | uniq | tr '\n' ' ')
equal "mpv's qualities" "640x360 1920x1080 " "$sizes"
echo "$CHECKS checks"
