#!/usr/bin/env bash
# A library of small files at the documented rates: rclone reads all of them once, and none but the images costs a link.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
LOG=info
simulate
mkdir -p "$WORK/library"
kinds=(nfo srt mp3 zip mkv bin jpg txt)
images=0
for n in $(seq 1 300); do
    kind=${kinds[$((n % 8))]}
    # Of the images that this makes some are made something else: there are to be 40.
    if [ "$kind" = jpg ]; then
        images=$((images + 1))
    elif [ "$n" -gt 297 ]; then
        kind=png
        images=$((images + 1))
    fi
    # From 1 KB to 4 MB, most of them small.
    size=$((1000 + (n * 7919 % 300) * (n * 7919 % 300) * 44))
    name=$(printf 'file %03d.%s' "$n" "$kind")
    head -c "$size" /dev/urandom >"$WORK/library/$name"
    put "$WORK/library/$name" "library/${name// /%20}"
done
equal "images" 40 "$images"
# As documented (reference 4.1), and as the simulated drive counts.
export ALIDAV_UPSTREAM__LIST_PER_S=4 ALIDAV_UPSTREAM__LINK_PER_S=1 ALIDAV_UPSTREAM__OTHER_PER_S=15
serve '[[mount]]' 'path = "/"'
rclone config create r webdav url="$URL/dav" vendor=owncloud user=me pass="secret word" --obscure >/dev/null 2>&1

before=$(date +%s%N)
rclone copy --transfers 4 --checkers 4 r:library "$WORK/copied" 2>&1
seconds=$((($(date +%s%N) - before) / 1000000))
equal "every file's content" "$(cd "$WORK/library" && sha1sum -- *)" "$(cd "$WORK/copied" && sha1sum -- *)"
links=$(calls openFile/getDownloadUrl)
peak=$(curl -sf "$SIM/sim/downloads" | jq .peak)
echo "300 files, $(du -sk --apparent-size "$WORK/library" | cut -f1) KB, $images of them images: $((seconds / 1000)).$(printf '%03d' $((seconds % 1000))) s, $links link calls, $(calls openFile/list) listings, $peak bodies at most"
equal "link calls" 40 "$links"
contains "slots" "$peak" "1 2 3"
equal "within a minute" yes "$([ "$seconds" -le 60000 ] && echo yes || echo "$seconds ms")"
