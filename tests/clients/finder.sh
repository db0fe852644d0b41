#!/usr/bin/env bash
# macOS Finder's requests (webdavfs), replayed with curl: mounting, a copy of a file with its companions, reading back.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
ask() { http -A "WebDAVFS/3.0.0 (03008000) Darwin/22.6.0 (x86_64)" -H "Accept: */*" "$@"; }
find_props() {
    code -X PROPFIND -H "Depth: $1" -H 'Content-Type: text/xml' -d "<?xml version=\"1.0\" encoding=\"utf-8\"?>
<D:propfind xmlns:D=\"DAV:\"><D:prop>$2</D:prop></D:propfind>" "$3"
}
lock='<?xml version="1.0" encoding="utf-8"?>
<D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>http://www.apple.com/webdav_fs/</D:href></D:owner></D:lockinfo>'
usual='<D:getlastmodified/><D:getcontentlength/><D:creationdate/><D:resourcetype/>'
head -c 3000000 /dev/urandom >"$WORK/film.mov"
size=$(stat -c %s "$WORK/film.mov")

# save FILE URL: an empty file, a lock, the content in chunks under the lock, the lock off.
save() {
    equal "an empty file" 201 "$(code -X PUT -H 'Content-Length: 0' "$2")"
    equal "lock" 200 "$(code -X LOCK -H 'Depth: 0' -H 'Timeout: Second-600' -H 'Content-Type: text/xml' -d "$lock" "$2")"
    token=$(field lock-token)
    equal "content" 204 "$(code -X PUT -H 'Transfer-Encoding: chunked' -H "X-Expected-Entity-Length: $(stat -c %s "$1")" \
        -H "If: ($token)" -H 'Expect: 100-continue' -T "$1" "$2")"
    contains "its tag" '"' "$(field etag)"
    equal "unlock" 204 "$(code -X UNLOCK -H "Lock-Token: $token" "$2")"
}

# Mounting.
equal "OPTIONS" 200 "$(code -X OPTIONS "$URL/dav/")"
contains "it may write" "1, 2" "$(field dav)"
equal "the volume" 207 "$(find_props 0 "$usual" "$URL/dav/")"
equal "its size" 207 "$(find_props 0 '<D:quota-available-bytes/><D:quota-used-bytes/><D:quota/><D:quotaused/>' "$URL/dav/")"
contains "free" "<D:quota-available-bytes>" "$(cat "$WORK/body")"
contains "what is not known is said to be so" "HTTP/1.1 404 Not Found" "$(cat "$WORK/body")"
lever reset
for name in ._. .hidden .Spotlight-V100 .metadata_never_index DCIM ._film.mov .DS_Store; do
    equal "probe for $name" 404 "$(find_props 0 "$usual" "$URL/dav/$name")"
done
equal "all probes cost a server one listing" "$INSTANCES" "$(calls openFile/list)"

# A copy: the file, its companion, the folder's settings.
lever reset
save "$WORK/film.mov" "$URL/dav/film.mov"
printf 'finder info' >"$WORK/companion"
equal "companion" 201 "$(code -X PUT -H 'Content-Length: 0' "$URL/dav/._film.mov")"
equal "lock" 200 "$(code -X LOCK -H 'Depth: 0' -H 'Timeout: Second-600' -d "$lock" "$URL/dav/._film.mov")"
token=$(field lock-token)
equal "its content" 204 "$(code -X PUT -H 'Transfer-Encoding: chunked' -H 'X-Expected-Entity-Length: 11' -H "If: ($token)" -T "$WORK/companion" "$URL/dav/._film.mov")"
equal "unlock" 204 "$(code -X UNLOCK -H "Lock-Token: $token" "$URL/dav/._film.mov")"
equal "settings" 201 "$(code -X PUT --data-binary 'x' "$URL/dav/.DS_Store")"
equal "one upload" 1 "$(calls openFile/create)"
equal "on the drive" "/film.mov" "$(curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path] | join(" ")')"
equal "the companion is read back" "finder info" "$(ask "$URL/dav/._film.mov")"
equal "properties after the save" 207 "$(find_props 0 '<D:getlastmodified/><D:getetag/>' "$URL/dav/film.mov")"
contains "tag" "<D:getetag>\"$(sha1sum <"$WORK/film.mov" | cut -d' ' -f1)\"" "$(cat "$WORK/body")"
equal "listing" 207 "$(find_props 1 "$usual" "$URL/dav/")"
contains "length" "<D:getcontentlength>$size<" "$(cat "$WORK/body")"

# Reading: whole, not again while nothing changed, the rest after a break.
equal "read" 200 "$(code "$URL/dav/film.mov")"
equal "the content" "$(sha1sum <"$WORK/film.mov")" "$(sha1sum <"$WORK/body")"
modified=$(field last-modified)
equal "not again" 304 "$(code -H "If-Modified-Since: $modified" "$URL/dav/film.mov")"
equal "the rest" 206 "$(code -H 'Range: bytes=1000000-' -H "If-Range: $modified" "$URL/dav/film.mov")"
equal "the rest of the content" "$(tail -c +1000001 "$WORK/film.mov" | sha1sum)" "$(sha1sum <"$WORK/body")"

# A body that is shorter or longer than announced leaves what was there.
for announced in 10 12; do
    equal "announced as $announced" 400 "$(code -X PUT -H 'Transfer-Encoding: chunked' -H "X-Expected-Entity-Length: $announced" -T "$WORK/companion" "$URL/dav/film.mov")"
done
equal "the old content" "$(sha1sum <"$WORK/film.mov" | cut -d' ' -f1)" "$(curl -sf "$SIM/sim/tree" | jq -r '.[] | select(.path == "/film.mov") | .sha1' | tr A-F a-f)"

# A rename takes the companion along by a move of its own; then both go.
for name in film.mov ._film.mov; do
    to=${name/film/caf%65%CC%81}
    equal "rename $name" 201 "$(code -X MOVE -H "Destination: $URL/dav/$to" -H 'Overwrite: F' "$URL/dav/$name")"
done
equal "found by the other Unicode form" 207 "$(find_props 0 "$usual" "$URL/dav/caf%C3%A9.mov")"
for name in caf%C3%A9.mov ._cafe%CC%81.mov .DS_Store; do
    equal "remove $name" 204 "$(code -X DELETE "$URL/dav/$name")"
done
equal "nothing is left" "" "$(curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path] | join(" ")')"
echo "$CHECKS checks"
