#!/usr/bin/env bash
# curl as players and file managers use it: status, headers, ranges, redirects.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
head -c 6000000 /dev/urandom >"$WORK/film.bin"
put "$WORK/film.bin" "films/a%20film%20%281%29.mkv"
serve '[[mount]]' 'path = "/"'
film="$URL/dav/films/a%20film%20(1).mkv"

equal "no password" 401 "$(curl -s -o /dev/null -w '%{http_code}' "$film")"
contains "challenge" 'Basic realm="alidav"' "$(curl -si "$film")"
equal "wrong password" 401 "$(curl -s -u me:guess -o /dev/null -w '%{http_code}' "$film")"
options=$(http -i -X OPTIONS "$URL/dav/")
contains "classes" "dav: 1, 2, 3" "$options"
contains "author" "ms-author-via: DAV" "$options"

for range in 0-1 5999999- -65536 500000-600000 0-; do
    http -r "$range" "$film?link_policy=proxy" -o "$WORK/part"
    equal "range $range" "$(curl -s -r "$range" "file://$WORK/film.bin" | sha1sum)" "$(sha1sum <"$WORK/part")"
done
contains "probe" "content-range: bytes 0-1/6000000" "$(http -i -r 0-1 "$film?link_policy=proxy" | tr -d '\0' | head -12)"
equal "beyond the end" 416 "$(status -r 6000000- "$film?link_policy=proxy")"
equal "head" 200 "$(status -I "$film")"
etag=$(http -I "$film" | sed -n 's/^etag: //p' | tr -d '\r')
equal "not modified" 304 "$(status -H "If-None-Match: $etag" "$film")"
equal "condition" 412 "$(status -H 'If-Match: "x"' "$film")"

equal "redirect" 302 "$(status "$film")"
equal "through the redirect" "$(sha1sum <"$WORK/film.bin")" "$(http -L --referer "" "$film" | sha1sum)"
equal "a seek through the redirect" 206 "$(status -L -r 5-9 "$film")"
for agent in "Microsoft-WebDAV-MiniRedir/10.0.19045" "WebDAVFS/3.0.0" "rclone/v1.60" "davfs2/1.6.1 neon/0.32.2" "Unknown/1.0" ""; do
    equal "$agent" 200 "$(status -A "$agent" "$film")"
done
equal "Kodi" 302 "$(status -A "Kodi/20.1 (X11; Linux x86_64)" "$film")"

http -X PROPFIND -H "Depth: 1" "$URL/dav/films/" >"$WORK/list.xml"
xmllint --noout "$WORK/list.xml"
contains "listing" "/dav/films/a%20film%20%281%29.mkv" "$(cat "$WORK/list.xml")"
equal "one answer each" 2 "$(grep -o '<D:response>' "$WORK/list.xml" | wc -l)"
equal "missing name" 404 "$(status -X PROPFIND -H 'Depth: 0' "$URL/dav/films/none")"
equal "no depth, small tree" 207 "$(status -X PROPFIND "$URL/dav/films/")"
equal "broken body" 400 "$(status -X PROPFIND -H 'Depth: 1' -d '<propfind' "$URL/dav/")"
equal "document type" 400 "$(status -X PROPFIND -H 'Depth: 1' -d '<!DOCTYPE x [<!ENTITY a "b">]><propfind xmlns="DAV:"><allprop/></propfind>' "$URL/dav/")"
equal "climbing" 400 "$(status --path-as-is "$URL/dav/%2e%2e/x")"
equal "NUL" 400 "$(status "$URL/dav/%00")"
equal "not UTF-8" 400 "$(status "$URL/dav/%ff")"
equal "health" '{"reasons":[],"removals_pending":0,"status":"ok"}' "$(curl -s "$URL/healthz")"
contains "metrics" "alidav_upstream_calls_total" "$(curl -s "$URL/metrics")"
contains "access log" "calls=" "$(grep access "$WORK/alidav.log" | tail -1)"
contains "program and way" 'agent="Kodi/20.1 (X11; Linux x86_64)" method=GET' "$(grep access "$WORK/alidav.log" | grep 'policy="redirect"')"
equal "no secret in the log" 0 "$(grep -cE 'secret word|x-oss-signature|eyJ' "$WORK/alidav.log" || true)"
equal "HTTP/2" 207 "$(status --http2-prior-knowledge -X PROPFIND -H 'Depth: 0' "$URL/dav/")"
echo "$CHECKS checks"
