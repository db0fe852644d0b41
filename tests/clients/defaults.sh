#!/usr/bin/env bash
# Programs as they come, over a mount with the default policy: each reads back what the drive has, with a password,
# whether it follows redirects rightly or not.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
head -c 6000000 /dev/urandom >"$WORK/film.bin"
put "$WORK/film.bin" "films/film.mkv"
serve '[[mount]]' 'path = "/"'
# A host of another name than the drive's: programs keep the password for all ports of one.
film="${URL/127.0.0.1/localhost}/dav/films/film.mkv"
sum=$(sha1sum <"$WORK/film.bin")

# The library's way: the password after the challenge, or with the first request, whose headers it takes along.
urllib='
import sys, urllib.request as r
passwords = r.HTTPPasswordMgrWithDefaultRealm()
passwords.add_password(None, sys.argv[1], "me", "secret word")
sys.stdout.buffer.write(r.build_opener(r.HTTPBasicAuthHandler(passwords)).open(sys.argv[1]).read())'
urllib_at_once='
import sys, urllib.request as r
request = r.Request(sys.argv[1], headers={"Authorization": "Basic bWU6c2VjcmV0IHdvcmQ="})
sys.stdout.buffer.write(r.urlopen(request).read())'
equal "urllib" "$sum" "$(python3 -c "$urllib" "$film" | sha1sum)"
equal "urllib, password at once" "$sum" "$(python3 -c "$urllib_at_once" "$film" | sha1sum)"
contains "urllib is proxied" 'policy="proxy"' "$(grep 'agent="Python-urllib' "$WORK/alidav.log" | tail -1)"
if python3 -c "$urllib_at_once" "$film?link_policy=redirect" 2>"$WORK/refused"; then
    echo "the drive takes a password that was meant for us"
    exit 1
fi
contains "a redirect would have failed" "HTTP Error 400" "$(cat "$WORK/refused")"

equal "curl" "$sum" "$(curl -sL -u "me:secret word" "$film" | sha1sum)"
contains "curl is redirected" 'policy="redirect"' "$(grep 'agent="curl/' "$WORK/alidav.log" | tail -1)"
if command -v wget >/dev/null; then
    equal "wget" "$sum" "$(wget -q -O - --user=me --password="secret word" "$film" | sha1sum)"
    contains "wget is redirected" 'policy="redirect"' "$(grep 'agent="Wget/' "$WORK/alidav.log" | tail -1)"
fi
echo "$CHECKS checks"
