#!/usr/bin/env bash
# The demo's films as players open them, by the address that the demo prints: length, picture and sound, a seek.
source "$(dirname "$0")/lib.sh"
start demo "$ALIDAV" demo --listen 127.0.0.1:0
for _ in $(seq 100); do grep -q '^stop' "$WORK/demo.out" && break; sleep 0.1; done
short=$(sed -n 's/^film *\([^ ]*\) .*/\1/p' "$WORK/demo.out")
films=${short%/*}
plays() { # address seconds
    equal "streams of $1" "h264 aac" "$(ffprobe -v error -show_entries stream=codec_name -of csv=p=0 "$1" | xargs)"
    length=$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$1")
    equal "length of $1" "$2" "$(printf '%.0f' "$length")"
    for at in 0 $(($2 / 2)); do
        said=$(ffmpeg -v warning -xerror -ss "$at" -i "$1" -t 60 -progress "$WORK/progress" -f null - 2>&1)
        equal "complaints of $1 from $at s" "" "$said"
        # Eight pictures a second, and one more or less at the ends.
        frames=$(sed -n 's/^frame=//p' "$WORK/progress" | tail -1)
        equal "quarters of the pictures of a minute of $1 from $at s" 120 $((frames / 4))
    done
}
plays "$short" 540
plays "$films/%E5%A4%A7%E7%89%87%20%282160p%29.mp4" 7200
plays "$films/No%20preview.mp4" 2700
plays "${films%/*}/%E5%89%A7%E9%9B%86/%E7%AC%AC%E4%B8%80%E5%AD%A3/E12.mp4" 1440
said=$(mpv --no-config --vo=null --ao=null --start=50% --length=2 --untimed --msg-level=all=warn "$short" 2>&1)
equal "complaints of mpv" "" "$said"
# A copied command line fills no disk.
bytes=$(rclone size --json --webdav-url "${short%%/dav/*}/dav" :webdav: 2>"$WORK/rclone.log" | jq .bytes)
[ "$bytes" -gt 0 ] && [ "$bytes" -lt 6000000000 ] || { echo "the demo has $bytes bytes"; exit 1; }
CHECKS=$((CHECKS + 1))
echo "the demo's drive has $bytes bytes; $CHECKS checks"
