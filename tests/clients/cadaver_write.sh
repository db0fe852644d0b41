#!/usr/bin/env bash
# cadaver writes: folders, files, moves, copies, properties and locks.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
host=${URL#http://}
export HOME="$WORK"
printf 'machine %s login me password "secret word"\n' "${host%%:*}" >"$HOME/.netrc"
chmod 600 "$HOME/.netrc"
cd "$WORK"
head -c 300000 /dev/urandom >a.bin
echo second >b.txt
run() { timeout 60 cadaver "$URL/dav/" >>"$WORK/cadaver.log" 2>&1; }
on_drive() { curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path] | join(" ")'; }

printf '%s\n' 'mkcol dir' 'put a.bin' 'put b.txt "dir/b c.txt"' 'move a.bin dir/moved.bin' 'copy dir other' 'put b.txt dir/moved.bin' quit | run
equal "on the drive" "/dir /dir/b c.txt /dir/moved.bin /other /other/b c.txt /other/moved.bin" "$(on_drive)"
printf '%s\n' 'propset dir/moved.bin colour red' 'propget dir/moved.bin colour' quit | run
contains "a property" "red" "$(tail -5 "$WORK/cadaver.log")"
# cadaver forgets its locks when it ends; they hold on.
printf '%s\n' 'lock dir/moved.bin' 'put a.bin dir/moved.bin' 'discover dir/moved.bin' quit | run
equal "the holder may write" "$(sha1sum <a.bin | cut -d' ' -f1)" \
    "$(curl -sf "$SIM/sim/tree" | jq -r '.[] | select(.path == "/dir/moved.bin") | .sha1' | tr A-F a-f)"
equal "others may not" 423 "$(status -X PUT -d x "$URL/dav/dir/moved.bin")"
printf '%s\n' 'steal dir/moved.bin' 'unlock dir/moved.bin' quit | run
equal "after it is unlocked" 204 "$(status -X PUT -d x "$URL/dav/dir/moved.bin")"
printf '%s\n' 'delete dir/moved.bin' 'rmcol other' quit | run
equal "what is left" "/dir /dir/b c.txt" "$(on_drive)"
echo "$CHECKS checks"
