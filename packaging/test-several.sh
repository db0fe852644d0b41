#!/usr/bin/env bash
# The files for several instances, for packaging/test.sh and tests/all.sh: compose takes its file, nginx its own, with the
# addresses of the former; and nginx hands requests on as docs/several-instances.md says, to two servers that only tell
# their names.
set -euo pipefail
cd "$(dirname "$0")"
PATH="$PATH:/usr/sbin:/sbin"
WORK=$(mktemp -d)
PIDS=()
finish() {
    for pid in "${PIDS[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    rm -rf "$WORK"
}
trap finish EXIT

fail() {
    echo "FAILED: $*" >&2
    tail -20 "$WORK"/*.log >&2 || true
    exit 1
}

equal() {
    [ "$2" = "$3" ] || fail "$1: $3 instead of $2"
}

# Debian's docker-compose is the program that `docker compose` was made of.
if docker compose version >/dev/null 2>&1; then compose=(docker compose); else compose=(docker-compose); fi
if command -v "${compose[0]}" >/dev/null; then
    cp compose-several.yaml "$WORK/"
    touch "$WORK"/{database,state,password}.txt
    "${compose[@]}" -f "$WORK/compose-several.yaml" config >/dev/null || fail "compose does not take its file"
else
    echo "skipped: compose-several.yaml, without docker compose (package docker-compose)"
fi
for address in $(grep -o '172\.[0-9.]*:8080' nginx-several.conf | cut -d: -f1 | sort -u); do
    grep -q "ipv4_address: $address\$" compose-several.yaml || fail "$address is nobody's in compose-several.yaml"
done

# Each answer is the server's name and the length of what it was sent.
cat >"$WORK/told.py" <<'PYTHON'
import http.server, sys

class Told(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        sent = len(self.rfile.read(int(self.headers.get("Content-Length") or 0)))
        body = f"{sys.argv[1]} {sent} {self.headers['Host']} {self.headers['X-Forwarded-For']}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_PUT = do_POST = do_PROPFIND = do_MKCOL = do_MOVE = do_LOCK = answer

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Told)
print(server.server_address[1], flush=True)
server.serve_forever()
PYTHON
for name in one two; do
    python3 "$WORK/told.py" "$name" >"$WORK/$name.port" 2>"$WORK/$name.log" &
    PIDS+=($!)
done
for _ in $(seq 100); do [ -s "$WORK/one.port" ] && [ -s "$WORK/two.port" ] && break; sleep 0.1; done
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
sed -e "s/172.31.80.11:8080/127.0.0.1:$(cat "$WORK/one.port")/; s/172.31.80.12:8080/127.0.0.1:$(cat "$WORK/two.port")/" \
    -e "s/listen 80;/listen 127.0.0.1:$port;/" nginx-several.conf >"$WORK/several.conf"
mkdir "$WORK/temp"
cat >"$WORK/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events {}
http {
    access_log off;
    client_body_temp_path $WORK/temp/body;
    proxy_temp_path $WORK/temp/proxy;
    fastcgi_temp_path $WORK/temp/fastcgi;
    uwsgi_temp_path $WORK/temp/uwsgi;
    scgi_temp_path $WORK/temp/scgi;
    include $WORK/several.conf;
}
CONF
nginx -t -q -c "$WORK/nginx.conf" -e "$WORK/nginx.log" || fail "nginx does not take its file"
nginx -c "$WORK/nginx.conf" -e "$WORK/nginx.log" &
PIDS+=($!)
URL="http://127.0.0.1:$port"
ask() {
    curl -s --max-time 20 "$@"
}
# who PATH [OPTION…]: the names of those who answer twelve requests.
who() {
    local path=$1
    shift
    for _ in $(seq 12); do ask "$@" "$URL$path"; done | cut -d' ' -f1 | sort -u | tr '\n' ' '
}
for _ in $(seq 100); do ask -o /dev/null "$URL/healthz" && break; sleep 0.1; done

equal "WebDAV in turn" "one two " "$(who /dav/ -X PROPFIND)"
for upload in first second third fourth; do
    path=/remote.php/dav/uploads/me/$upload
    chunks=$(who "$path/00001" -T "$WORK/told.py")
    [ "$chunks" = "one " ] || [ "$chunks" = "two " ] || fail "chunks of $upload: $chunks"
    equal "its folder" "$chunks" "$(who "$path" -X MKCOL)"
    equal "its end" "$chunks" "$(who "$path/.file" -X MOVE)"
done
pages=$(who /api/signin/poll)
[ "$pages" = "one " ] || [ "$pages" = "two " ] || fail "pages: $pages"
equal "copies between drives" "$pages" "$(who /api/jobs)"
equal "films" "$pages" "$(who /v/film.mkv/master.m3u8)"
equal "metrics" 404 "$(ask -o /dev/null -w '%{http_code}' "$URL/metrics")"
head -c 9000000 /dev/zero >"$WORK/large"
equal "a large body, the host and the client" "9000000 127.0.0.1:$port 127.0.0.1" "$(ask -T "$WORK/large" "$URL/dav/large" | cut -d' ' -f2-)"

# One of them dies.
kill "${PIDS[0]}"
wait "${PIDS[0]}" 2>/dev/null || true
for method in PROPFIND PUT MOVE LOCK POST; do
    equal "$method, when one is dead" "two " "$(who /dav/file -X "$method")"
done
equal "pages, when one is dead" "two " "$(who /api/jobs)"
equal "chunks, when one is dead" "two " "$(who /remote.php/dav/uploads/me/first/00002 -T "$WORK/told.py")"
echo "the files for several instances are as they should be"
