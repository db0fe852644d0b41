#!/usr/bin/env bash
# A film as players see it, over a drive that is far away and slow: time to the first byte of an opening and
# of seeks, rate over one and three connections, and bytes fetched for each byte that a player took. Each
# beside the same requests straight to the drive. Needs python3, curl, jq, ffmpeg.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
HERE="$(dirname "$0")"

# proxy CONNECTIONS: an alidav of its own; its address is in $URL.
proxy() {
    serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"' '[download]' "connections = $1"
    http -o /dev/null -X PROPFIND -H 'Depth: 1' "$URL/dav/"
}

simulate
lever rules '{"rate_limits":false}'
lever generate/default/film.mkv '{"size":8000000000,"seed":1}'
# A film of 60 s with its index at the end, as cameras and many shops write them.
ffmpeg -v error -f lavfi -i testsrc2=size=1280x720:rate=25 -f lavfi -i sine -t 60 -c:v mpeg4 -b:v 8M -minrate 8M -maxrate 8M -bufsize 8M -c:a aac "$WORK/real.mp4"
for player in kodi infuse vlc ffprobe; do
    ffmpeg -v error -i "$WORK/real.mp4" -c copy -metadata title="$player" "$WORK/$player.mp4"
    put "$WORK/$player.mp4" "$player.mp4"
done
proxy 1
ONE=$URL/dav
proxy 3
THREE=$URL/dav

lever rules '{"latency_ms":50,"download_bytes_per_s":500000}'
python3 "$HERE/film.py" first-byte "$SIM" "$ONE/film.mkv"
python3 "$HERE/film.py" connections "$SIM" "$ONE/film.mkv" "$THREE/film.mkv"
lever rules '{"latency_ms":5,"download_bytes_per_s":20000000}'
python3 "$HERE/film.py" players "$SIM" "$ONE"
lever rules '{"latency_ms":0,"download_bytes_per_s":null}'
python3 "$HERE/film.py" seeks "$SIM" "$ONE/film.mkv"
