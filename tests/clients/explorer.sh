#!/usr/bin/env bash
# Windows Explorer's requests (the WebClient service), replayed with curl: mapping, a save, an edit, a rename, a removal.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
# As the redirector asks: its own name, no translation, the password with each request.
ask() { http -A "Microsoft-WebDAV-MiniRedir/10.0.19045" -H "translate: f" "$@"; }
on_drive() { curl -sf "$SIM/sim/tree" | jq -r '[.[] | .path] | join(" ")'; }
content() { curl -sf "$SIM/sim/tree" | jq -r --arg path "$1" '.[] | select(.path == $path) | .sha1' | tr A-F a-f; }
sha1() { printf '%s' "$1" | sha1sum | cut -d' ' -f1; }
lock='<?xml version="1.0" encoding="utf-8" ?><D:lockinfo xmlns:D="DAV:"><D:lockscope><D:exclusive/></D:lockscope><D:locktype><D:write/></D:locktype><D:owner><D:href>PC\me</D:href></D:owner></D:lockinfo>'
times() {
    printf '%s' '<?xml version="1.0" encoding="utf-8" ?><D:propertyupdate xmlns:D="DAV:" xmlns:Z="urn:schemas-microsoft-com:"><D:set><D:prop>' \
        "<Z:Win32CreationTime>$1</Z:Win32CreationTime><Z:Win32LastAccessTime>$1</Z:Win32LastAccessTime>" \
        "<Z:Win32LastModifiedTime>$1</Z:Win32LastModifiedTime><Z:Win32FileAttributes>00000020</Z:Win32FileAttributes>" \
        '</D:prop></D:set></D:propertyupdate>'
}
date='Thu, 06 May 2021 07:08:09 GMT'

# net use: from the server's root down, without a password first, each PROPFIND without a body.
for path in / /dav /dav/; do
    equal "a password is asked for at $path" 401 "$(curl -s -o /dev/null -w '%{http_code}' -X OPTIONS "$URL$path")"
    equal "OPTIONS $path" 200 "$(code -X OPTIONS "$URL$path")"
    contains "classes" "1, 2" "$(field dav)"
    equal "author" DAV "$(field ms-author-via)"
    equal "PROPFIND $path" 207 "$(code -X PROPFIND -H 'Depth: 0' -H 'Content-Length: 0' "$URL$path")"
    xmllint --noout "$WORK/body"
done
for name in creationdate getlastmodified resourcetype displayname lockdiscovery supportedlock; do
    contains "allprop" "<D:$name" "$(cat "$WORK/body")"
done

lever reset
file="$URL/dav/New%20Text%20Document.txt"
equal "it is free" 404 "$(code -X PROPFIND -H 'Depth: 0' "$file")"
equal "an empty file" 201 "$(code -T /dev/null "$file")"
equal "lock" 200 "$(code -X LOCK -H 'Timeout: Second-3600' -d "$lock" "$file")"
token=$(field lock-token)
contains "as long as asked" "Second-3600" "$(cat "$WORK/body")"
equal "head" 200 "$(code -I "$file")"
equal "times and attributes" 207 "$(code -X PROPPATCH -H "If: ($token)" -d "$(times "$date")" "$file")"
equal "each is accepted" 4 "$(grep -o 'HTTP/1.1 200 OK' "$WORK/body" | wc -l)"
equal "content" 204 "$(code -X PUT -H "If: ($token)" -H 'Expect: 100-continue' --data-binary 'hello' "$file")"
equal "times again" 207 "$(code -X PROPPATCH -H "If: ($token)" -d "$(times "$date")" "$file")"
equal "refresh" 200 "$(code -X LOCK -H "If: ($token)" -H 'Timeout: Second-3600' "$file")"
equal "unlock" 204 "$(code -X UNLOCK -H "Lock-Token: $token" "$file")"
equal "one upload" 1 "$(calls openFile/create)"
equal "nothing in the recycle bin" 0 "$(calls openFile/recyclebin/trash)"
equal "the content" "$(sha1 hello)" "$(content '/New Text Document.txt')"
equal "head" 200 "$(code -I "$file")"
equal "the time" "$date" "$(field last-modified)"
equal "listed" 207 "$(code -X PROPFIND -H 'Depth: 1' "$URL/dav/")"
contains "the time is listed" "<D:getlastmodified>$date<" "$(cat "$WORK/body")"
equal "what is read comes without a redirect" 200 "$(code "$file")"

# An edit by a program that holds the lock while it writes; another program is held off.
equal "lock" 200 "$(code -X LOCK -H 'Timeout: Second-3600' -d "$lock" "$file")"
token=$(field lock-token)
equal "another program" 423 "$(status -X PUT --data-binary 'intruder' "$file")"
equal "edit" 204 "$(code -X PUT -H "If: ($token)" --data-binary 'hello again' "$file")"
equal "unlock" 204 "$(code -X UNLOCK -H "Lock-Token: $token" "$file")"
equal "the content" "$(sha1 'hello again')" "$(content '/New Text Document.txt')"

# A new folder under its first name, renamed at once, as "New folder" does; then files of Explorer's own.
equal "folder" 201 "$(code -X MKCOL "$URL/dav/New%20folder")"
equal "rename" 201 "$(code -X MOVE -H "Destination: $URL/dav/%E7%85%A7%E7%89%87" -H 'Overwrite: F' "$URL/dav/New%20folder")"
equal "a taken name" 412 "$(code -X MOVE -H "Destination: $URL/dav/%e7%85%a7%e7%89%87" -H 'Overwrite: F' "$file")"
equal "thumbnails" 201 "$(code -X PUT --data-binary 'x' "$URL/dav/%E7%85%A7%E7%89%87/Thumbs.db")"
equal "into the folder" 201 "$(code -X MOVE -H "Destination: $URL/dav/%e7%85%a7%e7%89%87/a%20b.txt" -H 'Overwrite: F' "$file")"
equal "on the drive" "/照片 /照片/a b.txt" "$(on_drive)"
equal "remove" 204 "$(code -X DELETE "$URL/dav/%E7%85%A7%E7%89%87")"
equal "gone" 404 "$(code -X PROPFIND -H 'Depth: 0' "$URL/dav/%E7%85%A7%E7%89%87")"
equal "nothing is left" "" "$(on_drive)"
echo "$CHECKS checks"
