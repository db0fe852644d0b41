#!/usr/bin/env bash
# davfs2: the drive as a folder of the system. Needs root and FUSE; is skipped where they are not.
source "$(dirname "$0")/lib.sh"
if [ "$(id -u)" -ne 0 ] || [ ! -e /dev/fuse ] || ! command -v mount.davfs >/dev/null; then
    echo "skipped: davfs2 needs root, /dev/fuse and mount.davfs"
    exit 0
fi
simulate
lever rules "$no_rates"
head -c 3000000 /dev/urandom >"$WORK/a.bin"
put "$WORK/a.bin" "folder/a.bin"
serve '[[mount]]' 'path = "/"'
mkdir "$WORK/mnt" "$WORK/cache"
# davfs2 gives up root for a user of its own.
chmod 755 "$WORK"
chown davfs2:davfs2 "$WORK/cache"
chmod 1777 "$WORK/cache"
cat >"$WORK/davfs2.conf" <<CONF
cache_dir $WORK/cache
secrets $WORK/secrets
ask_auth 0
delay_upload 0
buf_size 64
CONF
printf '%s me "secret word"\n' "$URL/dav/" >"$WORK/secrets"
chmod 600 "$WORK/secrets" "$WORK/davfs2.conf"
if ! timeout 20 mount -t davfs -o "conf=$WORK/davfs2.conf" "$URL/dav/" "$WORK/mnt" >"$WORK/mount.log" 2>&1; then
    echo "skipped: davfs2 does not mount here: $(tail -1 "$WORK/mount.log")"
    exit 0
fi
unmount() { timeout 60 umount "$WORK/mnt" || umount -l "$WORK/mnt"; }
trap 'unmount >/dev/null 2>&1; finish' EXIT
equal "read" "$(sha1sum <"$WORK/a.bin")" "$(sha1sum <"$WORK/mnt/folder/a.bin")"
mkdir "$WORK/mnt/new"
cp "$WORK/a.bin" "$WORK/mnt/new/copy.bin"
echo "first" >"$WORK/mnt/new/note.txt"
sync
echo "second" >"$WORK/mnt/new/note.txt"
mv "$WORK/mnt/new/copy.bin" "$WORK/mnt/moved & renamed.bin"
rm "$WORK/mnt/folder/a.bin"
unmount
trap finish EXIT
tree=$(curl -sf "$SIM/sim/tree")
equal "what is on the drive" "/folder /moved & renamed.bin /new /new/note.txt" "$(jq -r '.[] | .path' <<<"$tree" | grep -v lost+found | paste -sd' ')"
equal "the moved file" "$(sha1sum <"$WORK/a.bin" | cut -d' ' -f1)" "$(jq -r '.[] | select(.path | startswith("/moved")) | .sha1' <<<"$tree" | tr A-F a-f)"
equal "the overwritten file" "$(echo second | sha1sum | cut -d' ' -f1)" "$(jq -r '.[] | select(.path == "/new/note.txt") | .sha1' <<<"$tree" | tr A-F a-f)"
echo "$CHECKS checks"
