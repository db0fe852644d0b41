#!/usr/bin/env bash
# A real film: probed and sought through the proxy and through a redirect, index at either end.
source "$(dirname "$0")/lib.sh"
simulate
# Films are larger than what listings name an address for.
lever rules '{"rate_limits":false,"listed_url":"absent"}'
ffmpeg -v error -f lavfi -i testsrc=duration=20:size=320x240:rate=10 -g 10 -y "$WORK/end.mp4"
ffmpeg -v error -i "$WORK/end.mp4" -c copy -movflags +faststart -y "$WORK/start.mp4"
put "$WORK/end.mp4" "films/end.mp4"
put "$WORK/start.mp4" "films/start.mp4"
token=a-shared-secret
serve '[[mount]]' 'path = "/"' "down_proxy_token = \"$token\""
# A signed link needs no password, which ffmpeg loses over a redirect.
signed() {
    local mac
    mac=$(printf '%s:0' "$1" | openssl dgst -sha256 -hmac "$token" -binary | base64 | tr '+/' '-_')
    echo "$URL/d$1?sign=$mac:0"
}
host=${URL#http://}
for name in end start; do
    for policy in proxy redirect; do
        film="http://me:secret%20word@$host/dav/films/$name.mp4"
        [ "$policy" = redirect ] && film=$(signed "/films/$name.mp4")
        equal "length of $name by $policy" 20.000000 "$(ffprobe -v error -show_entries format=duration -of csv=p=0 "$film")"
        for at in 3 15; do
            frame() { ffmpeg -v error -ss "$at" -i "$1" -frames:v 1 -f rawvideo - | sha1sum; }
            equal "frame at $at s of $name by $policy" "$(frame "$WORK/$name.mp4")" "$(frame "$film")"
        done
    done
done
contains "signed links were redirected" "status=302" "$(grep access "$WORK/alidav.log")"
echo "$CHECKS checks"
