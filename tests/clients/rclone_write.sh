#!/usr/bin/env bash
# rclone writes: copies both ways, compares, synchronises again for nothing, moves, purges.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
mkdir -p "$WORK/tree/deep/er" "$WORK/tree/电影"
for name in "a b.txt" "100% & <more>.txt" "#hash?.txt" "电影/大片.txt" "plus+semi;.txt" "emoji 🎬.txt" "quote'\".txt" ".hidden" "deep/er/file.bin" \
    " leading" "trailing " "dots..." "per%41cent" 'back\slash' "co:lon|bar*" "café" "$(printf '字%.0s' {1..85})"; do
    head -c $((RANDOM + 10)) /dev/urandom >"$WORK/tree/$name"
done
: >"$WORK/tree/empty"
head -c 45000000 /dev/urandom >"$WORK/tree/three parts.bin"
find "$WORK/tree" -type f -exec touch -d '2021-05-06 07:08:09 UTC' {} +

for vendor in other nextcloud owncloud rclone; do
    rclone config create "$vendor" webdav url="$URL/dav" vendor="$vendor" user=me pass="secret word" nextcloud_chunk_size=0 \
        --obscure >/dev/null 2>&1
    rclone copy "$WORK/tree" "$vendor:$vendor" 2>&1
    rclone check --download "$WORK/tree" "$vendor:$vendor" >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }
    rclone copy "$vendor:$vendor" "$WORK/back-$vendor"
    equal "there and back by $vendor" "" "$(diff -r "$WORK/tree" "$WORK/back-$vendor" 2>&1)"
    lever reset
    rclone sync "$WORK/tree" "$vendor:$vendor"
    equal "a second sync by $vendor sends nothing" 0 "$(calls openFile/create)"
done
contains "modification time" "2021-05-06 07:08:09" "$(TZ=UTC rclone lsl nextcloud:nextcloud | grep 'a b.txt')"
rclone check "$WORK/tree" nextcloud:nextcloud >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }

# An edit of the same size is seen by its checksum.
printf 'X' | dd of="$WORK/tree/a b.txt" conv=notrunc 2>/dev/null
rclone sync --checksum "$WORK/tree" nextcloud:nextcloud
equal "the edit arrived" "$(sha1sum <"$WORK/tree/a b.txt")" "$(rclone cat "nextcloud:nextcloud/a b.txt" | sha1sum)"

rclone moveto "nextcloud:nextcloud/a b.txt" "nextcloud:nextcloud/deep/moved & renamed.txt"
equal "moved" "$(sha1sum <"$WORK/tree/a b.txt")" "$(rclone cat "nextcloud:nextcloud/deep/moved & renamed.txt" | sha1sum)"
equal "no longer there" "" "$(rclone lsf --files-only nextcloud:nextcloud --include 'a b.txt')"
rclone copyto "nextcloud:nextcloud/.hidden" "nextcloud:nextcloud/copy of hidden"
equal "copied" "$(sha1sum <"$WORK/tree/.hidden")" "$(rclone cat "nextcloud:nextcloud/copy of hidden" | sha1sum)"
lever reset
rclone purge owncloud:owncloud
equal "a tree is purged in one call" 1 "$(calls openFile/recyclebin/trash)"
equal "purged" "nextcloud/ other/ rclone/" "$(rclone lsf other: | sort | tr '\n' ' ' | sed 's/ $//')"

mkdir "$WORK/many"
for n in $(seq -w 1000); do echo "$n" >"$WORK/many/$n"; done
rclone copy --transfers 8 "$WORK/many" other:many
rclone copy --transfers 8 other:many "$WORK/many back"
equal "many small files" "" "$(diff -r "$WORK/many" "$WORK/many back" 2>&1)"
equal "all of them" 1000 "$(curl -sf "$SIM/sim/tree" | jq '[.[] | select(.path | startswith("/many/"))] | length')"
echo "$CHECKS checks"
