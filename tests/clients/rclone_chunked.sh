#!/usr/bin/env bash
# rclone as it comes for a Nextcloud: files in chunks, behind a proxy that takes no larger bodies, both ways.
source "$(dirname "$0")/lib.sh"
export RCLONE_CONFIG="$WORK/rclone.conf"
RCLONE="${RCLONE:-$(cd "$(dirname "$0")/../.." && pwd)/target/tools/bin/rclone}"
[ -x "$RCLONE" ] || { echo "skipped: tests/tools.sh builds an rclone that knows chunks"; exit 0; }
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"' '[upload]' 'part_size = "4MiB"' 'memory = "32MiB"'
DIRECT=$URL

# The proxy's limit is above a chunk and far below the files.
PORT=$((20000 + RANDOM % 20000))
mkdir -p "$WORK/nginx"
cat >"$WORK/nginx.conf" <<END
daemon off; pid $WORK/nginx.pid; error_log $WORK/nginx/error.log;
events {}
http {
    access_log $WORK/nginx/access.log;
    client_body_temp_path $WORK/nginx/body; proxy_temp_path $WORK/nginx/proxy; fastcgi_temp_path $WORK/nginx/f;
    uwsgi_temp_path $WORK/nginx/u; scgi_temp_path $WORK/nginx/s;
    server {
        listen 127.0.0.1:$PORT;
        client_max_body_size 6m;
        location / {
            proxy_pass $DIRECT;
            proxy_http_version 1.1;
            # Whoever runs nginx may not write where its workers would keep bodies.
            proxy_request_buffering off;
            proxy_buffering off;
            proxy_set_header Host \$http_host;
            proxy_set_header X-Forwarded-For \$remote_addr;
        }
    }
}
END
PATH="$PATH:/usr/sbin:/sbin" nginx -c "$WORK/nginx.conf" 2>"$WORK/nginx.log" &
PIDS+=($!)
PROXY="http://127.0.0.1:$PORT"
for _ in $(seq 100); do
    curl -s -o /dev/null "$PROXY/healthz" && break
    sleep 0.1
done

mkdir -p "$WORK/tree/电影 & more"
head -c 23000001 /dev/urandom >"$WORK/tree/电影 & more/大片 100%.mkv"
head -c $((5 * 1024 * 1024)) /dev/urandom >"$WORK/tree/as large as a chunk"
head -c $((15 * 1024 * 1024)) /dev/urandom >"$WORK/tree/three whole chunks"
head -c 5000 /dev/urandom >"$WORK/tree/small"
: >"$WORK/tree/empty"
find "$WORK/tree" -type f -exec touch -d '2021-05-06 07:08:09 UTC' {} +

equal "a whole file is too large for the proxy" 413 "$(status -T "$WORK/tree/three whole chunks" "$PROXY/dav/large")"
"$RCLONE" config create cloud webdav url="$PROXY/remote.php/dav/files/me" vendor=nextcloud user=me pass="secret word" \
    nextcloud_chunk_size=5Mi --obscure >/dev/null 2>&1
# As it comes: chunks of 10 MiB, without the proxy.
"$RCLONE" config create plain webdav url="$DIRECT/remote.php/dav/files/me" vendor=nextcloud user=me pass="secret word" \
    --obscure >/dev/null 2>&1

for remote in cloud plain; do
    lever reset
    "$RCLONE" copy --transfers 4 "$WORK/tree" "$remote:$remote" 2>&1
    "$RCLONE" check "$WORK/tree" "$remote:$remote" >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }
    "$RCLONE" check --download "$WORK/tree" "$remote:$remote" >"$WORK/check.log" 2>&1 || { cat "$WORK/check.log"; exit 1; }
    "$RCLONE" copy "$remote:$remote" "$WORK/back-$remote"
    equal "there and back by $remote" "" "$(diff -r "$WORK/tree" "$WORK/back-$remote" 2>&1)"
    lever reset
    "$RCLONE" sync "$WORK/tree" "$remote:$remote"
    equal "a second sync by $remote sends nothing" 0 "$(calls openFile/create)"
done
contains "modification time" "2021-05-06 07:08:09" "$(TZ=UTC "$RCLONE" lsl cloud:cloud | grep 'three whole')"
contains "chunks came" "PUT /remote.php/dav/uploads/me/rclone-chunked-upload-" "$(cat "$WORK/nginx/access.log")"

# An edit of the same size.
printf 'X' | dd of="$WORK/tree/three whole chunks" conv=notrunc 2>/dev/null
"$RCLONE" sync --checksum "$WORK/tree" cloud:cloud
equal "the edit arrived" "$(sha1sum <"$WORK/tree/three whole chunks")" "$("$RCLONE" cat "cloud:cloud/three whole chunks" | sha1sum)"

# Where the drive throttles, and answers get lost, all arrives all the same.
lever fault '{"call":"openFile/complete","kind":"close_after"}'
head -c 17000000 /dev/urandom >"$WORK/tree/through trouble"
"$RCLONE" sync "$WORK/tree" cloud:cloud 2>&1
equal "through trouble" "$(sha1sum <"$WORK/tree/through trouble")" "$("$RCLONE" cat "cloud:cloud/through trouble" | sha1sum)"

# Nothing is left of uploads, here or on the drive.
expected=$(cd "$WORK/tree" && find . -type f | sed 's,^\./,cloud/,' | LC_ALL=C sort)
equal "the drive has the files and nothing else" "$expected" \
    "$(curl -sf "$SIM/sim/tree" | jq -r '.[].path | ltrimstr("/")' | grep '^cloud/.*[^/]$' | grep -v 'more$' | LC_ALL=C sort)"
echo "$CHECKS checks"
