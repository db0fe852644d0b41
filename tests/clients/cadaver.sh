#!/usr/bin/env bash
# cadaver and the neon library behind it: log in, list, fetch.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
head -c 300000 /dev/urandom >"$WORK/a.bin"
put "$WORK/a.bin" "folder/a.bin"
serve '[[mount]]' 'path = "/"' 'link_policy = "redirect"'
host=${URL#http://}
export HOME="$WORK"
printf 'machine %s login me password "secret word"\n' "${host%%:*}" >"$HOME/.netrc"
chmod 600 "$HOME/.netrc"
cd "$WORK"
mkdir got
printf 'ls\ncd folder\nls\nget a.bin got/a.bin\nquit\n' | timeout 60 cadaver "$URL/dav/" >"$WORK/cadaver.log" 2>&1
contains "listing" "folder" "$(cat "$WORK/cadaver.log")"
contains "members" "a.bin" "$(cat "$WORK/cadaver.log")"
equal "content" "$(sha1sum <a.bin)" "$(sha1sum <got/a.bin)"
echo "$CHECKS checks"
