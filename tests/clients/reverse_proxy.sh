#!/usr/bin/env bash
# Behind nginx as docs/operation.md says, and behind one that keeps its defaults: it hides the public name.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
simulate
lever rules "$no_rates"
PORT=$(free_port)
PLAIN=$(free_port)

# The settings that go before any section must stand before serve's own.
serve_behind() {
    serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
    end_process "${PIDS[-1]}" -TERM
    sed -i "1i trusted_proxies = [\"127.0.0.1\"]\npublic_url = \"http://dav.example:$PLAIN\"" "$WORK/alidav.toml"
    start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
    URL=$ADDRESS
}
serve_behind

# What docs/operation.md tells its readers to write, with our address in it.
LOCATION=$(sed -n '/^```nginx$/,/^```$/{/^```/d;p}' "$(dirname "$0")/../../docs/operation.md" | sed "s#http://127.0.0.1:8080#$URL#")
contains "the document's words" "proxy_pass $URL;" "$LOCATION"

nginx_within_http <<CONF
    server {
        listen 127.0.0.1:$PORT;
$LOCATION
    }
    server {
        listen 127.0.0.1:$PLAIN;
        location / { proxy_pass $URL; }
    }
CONF
nginx -c "$WORK/nginx.conf" -e "$WORK/nginx/error.log" 2>>"$WORK/nginx.log" &
PIDS+=($!)
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$PLAIN/healthz" && break; sleep 0.1; done

head -c 30000000 /dev/urandom >"$WORK/film.mkv"
rclone config create ali webdav url="http://127.0.0.1:$PORT/dav" vendor=nextcloud nextcloud_chunk_size=0 user=me \
    pass="secret word" --obscure >/dev/null 2>&1
rclone copyto "$WORK/film.mkv" ali:films/a.mkv
rclone moveto ali:films/a.mkv "ali:films/b & c.mkv"
equal "moved through the proxy" "$(sha1sum <"$WORK/film.mkv")" "$(rclone cat 'ali:films/b & c.mkv' | sha1sum)"
equal "a part of it" "$(dd if="$WORK/film.mkv" bs=1 skip=1000 count=50 status=none | sha1sum)" \
    "$(http -r 1000-1049 "http://127.0.0.1:$PORT/dav/films/b%20%26%20c.mkv" | sha1sum)"
equal "the public name is known" 201 \
    "$(status -X COPY -H "Destination: http://dav.example:$PLAIN/dav/copy" "http://127.0.0.1:$PLAIN/dav/films/b%20%26%20c.mkv")"
equal "a hidden name is not" 502 \
    "$(status -X COPY -H "Destination: http://127.0.0.1:$PLAIN/dav/other" "http://127.0.0.1:$PLAIN/dav/films/b%20%26%20c.mkv")"
status -H 'X-Forwarded-For: 9.9.9.9' "http://127.0.0.1:$PORT/healthz" >/dev/null
contains "behind trusted proxies only, the address that they name is logged" "address=9.9.9.9" "$(grep healthz "$WORK/alidav.log" | tail -1)"
echo "$CHECKS checks"
