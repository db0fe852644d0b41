#!/usr/bin/env bash
# GNOME's GVfs, as Files and its programs use it: mounts, lists, writes, copies, renames and removes.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
head -c 3000000 /dev/urandom >"$WORK/film.mkv"
echo 'first words' >"$WORK/words.txt"

# All that GVfs starts lives and dies with its own bus.
export WORK URL
XDG_RUNTIME_DIR="$WORK/run" HOME="$WORK" dbus-run-session -- bash -c '
    set -euo pipefail
    mkdir -p -m 700 "$XDG_RUNTIME_DIR"
    # libsoup sends the password on to another port of the same host, which the drive is not.
    root="dav://me@localhost:${URL##*:}/dav"
    printf "secret word\n" | timeout 60 gio mount "$root" >/dev/null
    gio mkdir "$root/文件夹"
    gio copy "$WORK/film.mkv" "$root/文件夹/film & more.mkv"
    gio copy "$WORK/words.txt" "$root/words.txt"
    gio list "$root" | sort >"$WORK/listed"
    gio copy "$root/文件夹/film & more.mkv" "$WORK/back.mkv"
    echo "other words" | gio save "$root/words.txt"
    gio cat "$root/words.txt" >"$WORK/saved"
    gio rename "$root/words.txt" "new name.txt" >/dev/null
    gio move "$root/new name.txt" "$root/文件夹/moved.txt"
    gio info -a standard::size,time::modified "$root/文件夹/moved.txt" >"$WORK/info"
    gio remove "$root/文件夹/film & more.mkv"
    gio list "$root/文件夹" >"$WORK/left"
    gio mount -u "$root"
' >"$WORK/gio.log" 2>&1

equal "listed" "words.txt 文件夹" "$(tr '\n' ' ' <"$WORK/listed" | sed 's/ $//')"
equal "there and back" "$(sha1sum <"$WORK/film.mkv")" "$(sha1sum <"$WORK/back.mkv")"
equal "saved in place" "other words" "$(cat "$WORK/saved")"
contains "its size" "standard::size: 12" "$(cat "$WORK/info")"
equal "what is left" "moved.txt" "$(cat "$WORK/left")"
equal "on the drive" "/文件夹/moved.txt" "$(curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path | select(endswith(".txt"))] | join(" ")')"
echo "$CHECKS checks"
