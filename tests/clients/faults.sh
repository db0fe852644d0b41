#!/usr/bin/env bash
# The network and the drive go wrong while real clients read.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
head -c 30000000 /dev/urandom >"$WORK/film.bin"
put "$WORK/film.bin" "films/film.bin"
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
rclone config create r webdav url="$URL/dav" vendor=other user=me pass="secret word" --obscure >/dev/null 2>&1
expected=$(sha1sum <"$WORK/film.bin")
fault() { lever fault "$1"; }

fault '{"call":"data GET","kind":{"cut":{"after":9000000}}}'
fault '{"call":"data GET","kind":"expire_link"}'
fault '{"call":"data GET","skip":1,"kind":{"cut":{"after":70001}}}'
equal "a film over a cut, an expired link and another cut" "$expected" "$(http "$URL/dav/films/film.bin" | sha1sum)"

equal "the listing before" "film.bin" "$(rclone lsf r:films)"
fault '{"call":"openFile/list","times":1000000,"kind":{"code":{"status":429,"code":"TooManyRequests","retry_after_ms":60000}}}'
lever expire/links
answer=$(http -i -X PROPFIND -H "Depth: 1" -H "Cache-Control: no-cache" "$URL/dav/films/")
contains "a throttled listing" "HTTP/1.1 503" "$answer"
contains "says when" "retry-after: " "$answer"
equal "the cached listing is served on" "film.bin" "$(rclone lsf r:films)"
curl -sf -X DELETE "$SIM/sim/fault" >/dev/null

# Another server, whose calls are not held back by that throttle.
serve '[[mount]]' 'path = "/"'
equal "listed" 207 "$(status -X PROPFIND -H 'Depth: 1' "$URL/dav/films/")"
# Without its drive the server answers, and says why it cannot.
kill "${PIDS[0]}"
wait "${PIDS[0]}" || true
equal "cached while the drive is down" 207 "$(status -X PROPFIND -H 'Depth: 1' "$URL/dav/films/")"
equal "not cached" 503 "$(status -X PROPFIND -H 'Depth: 1' -H 'Cache-Control: no-cache' "$URL/dav/films/")"
contains "health" degraded "$(curl -s "$URL/healthz")"
echo "$CHECKS checks"
