#!/usr/bin/env bash
# rclone as a webdav remote: lists, copies, compares, seeks, mounts.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
mkdir -p "$WORK/tree/deep/er" "$WORK/tree/电影"
for name in "a b.txt" "100% & <more>.txt" "#hash?.txt" "电影/大片.mkv" "plus+semi;.txt" "emoji 🎬.txt" "quote'\".txt" ".hidden" "deep/er/file.bin"; do
    head -c $((RANDOM + 10)) /dev/urandom >"$WORK/tree/$name"
done
head -c 7000000 /dev/urandom >"$WORK/tree/large.bin"
(cd "$WORK/tree" && find . -type f | sed 's,^\./,,') | while read -r name; do
    put "$WORK/tree/$name" "$(jq -rn --arg name "$name" '$name | split("/") | map(@uri) | join("/")')"
done
serve '[[mount]]' 'path = "/"'
for vendor in other nextcloud owncloud; do
    rclone config create "$vendor" webdav url="$URL/dav" vendor="$vendor" user=me pass="secret word" nextcloud_chunk_size=0 \
        --obscure >/dev/null 2>&1
done

expected=$(cd "$WORK/tree" && find . -type f | sed 's,^\./,,' | LC_ALL=C sort)
for vendor in other nextcloud owncloud; do
    equal "names by $vendor" "$expected" "$(rclone lsf -R --files-only "$vendor:" | LC_ALL=C sort)"
done
rclone copy other: "$WORK/copied" 2>&1
equal "copy" "" "$(diff -r "$WORK/tree" "$WORK/copied" 2>&1)"
rclone check --download other: "$WORK/tree" 2>&1 | tail -1
rclone check nextcloud: "$WORK/tree" 2>&1 | tail -1
equal "checksums" "$(sha1sum <"$WORK/tree/large.bin" | cut -d' ' -f1)" "$(rclone hashsum SHA1 nextcloud:large.bin | cut -d' ' -f1)"
equal "a piece from the middle" "$(tail -c +1000001 "$WORK/tree/large.bin" | head -c 5000 | sha1sum)" \
    "$(rclone cat --offset 1000000 --count 5000 other:large.bin | sha1sum)"
contains "space" "Used:" "$(rclone about other:)"
# A second copy has nothing to do.
contains "again" "There was nothing to transfer" "$(rclone copy -v other: "$WORK/copied" 2>&1)"

if [ -e /dev/fuse ] && command -v fusermount3 >/dev/null; then
    mkdir "$WORK/mnt"
    rclone mount --read-only --vfs-cache-mode off other: "$WORK/mnt" >"$WORK/mount.log" 2>&1 &
    mount=$!
    mounted=no
    for _ in $(seq 50); do
        if mountpoint -q "$WORK/mnt"; then mounted=yes; break; fi
        kill -0 "$mount" 2>/dev/null || break
        sleep 0.1
    done
    if [ "$mounted" = yes ]; then
        equal "through a mount" "$(sha1sum <"$WORK/tree/large.bin")" "$(sha1sum <"$WORK/mnt/large.bin")"
        equal "a seek in a mount" "$(dd if="$WORK/tree/large.bin" bs=1000 skip=3000 count=7 2>/dev/null | sha1sum)" \
            "$(dd if="$WORK/mnt/large.bin" bs=1000 skip=3000 count=7 2>/dev/null | sha1sum)"
        fusermount3 -u "$WORK/mnt"
    else
        echo "skipped: FUSE does not mount here"
        kill "$mount" 2>/dev/null || true
    fi
    wait "$mount" || true
fi
echo "$CHECKS checks"
