#!/usr/bin/env bash
# A film through alidav's proxy, through a tuned nginx, and straight, from the same simulated drive: in
# turns, medians of several rounds, at 1, 4 and 64 clients. Needs nginx, curl and jq.
LOG=info
source "$(dirname "$0")/../tests/clients/lib.sh"
ROUNDS="${ROUNDS:-7}"
command -v nginx >/dev/null || { echo "nginx is not installed (apt-get install nginx-light)"; exit 1; }

simulate
lever rules '{"rate_limits":false,"max_downloads":1000}'
lever generate/default/film.mkv '{"size":34359738368,"seed":1}'
export ALIDAV_UPSTREAM__MAX_STREAMS=1000
serve '[[mount]]' 'path = "/"' 'link_policy = "proxy"'
DIRECT=$(http -o /dev/null -w '%{redirect_url}' "$URL/dav/film.mkv?link_policy=redirect")
PORT=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$WORK/nginx.conf" <<CONF
daemon off;
worker_processes auto;
pid $WORK/nginx.pid;
error_log $WORK/nginx.log;
events { worker_connections 1024; }
http {
    access_log off;
    client_body_temp_path $WORK; proxy_temp_path $WORK; fastcgi_temp_path $WORK; uwsgi_temp_path $WORK; scgi_temp_path $WORK;
    upstream drive { server ${SIM#http://}; keepalive 64; }
    server {
        listen 127.0.0.1:$PORT;
        location / {
            proxy_pass http://drive;
            proxy_http_version 1.1;
            proxy_set_header Connection "";
            proxy_buffer_size 256k;
            proxy_buffers 16 256k;
            proxy_busy_buffers_size 512k;
            proxy_max_temp_file_size 0;
        }
    }
}
CONF
nginx -c "$WORK/nginx.conf" -p "$WORK" &
NGINX=$!
PIDS+=("$NGINX")
for _ in $(seq 50); do curl -s -o /dev/null "http://127.0.0.1:$PORT/" && break; sleep 0.1; done
NGINX_URL="http://127.0.0.1:$PORT${DIRECT#"$SIM"}"
ALIDAV_PID=${PIDS[1]}

# cpu PID: seconds of the process and its children so far.
cpu() {
    local total=0 pid
    for pid in "$1" $(pgrep -P "$1" || true); do
        total=$((total + $(awk '{print $14 + $15}' "/proc/$pid/stat")))
    done
    awk -v ticks="$total" -v hz="$(getconf CLK_TCK)" 'BEGIN { printf "%.2f", ticks / hz }'
}

# fetch CLIENTS MEGABYTES CURL-ARGUMENTS...: all at once; prints MB/s.
fetch() {
    local clients=$1 megabytes=$2 jobs=() started ended
    shift 2
    started=$(date +%s.%N)
    for _ in $(seq "$clients"); do
        curl -s -o /dev/null -r "0-$((megabytes * 1000000 - 1))" "$@" &
        jobs+=($!)
    done
    wait "${jobs[@]}"
    ended=$(date +%s.%N)
    awk -v mb="$((clients * megabytes))" -v s="$started" -v e="$ended" 'BEGIN { printf "%.0f\n", mb / (e - s) }'
}

median() {
    sort -n "$1" | awk '{ v[NR] = $1 } END { print v[int((NR + 1) / 2)] }'
}

printf '%8s %10s %10s %10s %14s %12s %12s\n' clients alidav nginx straight alidav/nginx "CPU s/GB" "nginx s/GB"
for load in "1 3000" "4 1000" "64 60"; do
    read -r clients megabytes <<<"$load"
    rm -f "$WORK"/rate.*
    alidav_cpu=$(cpu "$ALIDAV_PID")
    nginx_cpu=$(cpu "$NGINX")
    for _ in $(seq "$ROUNDS"); do
        fetch "$clients" "$megabytes" -u "me:secret word" "$URL/dav/film.mkv" >>"$WORK/rate.alidav"
        fetch "$clients" "$megabytes" "$NGINX_URL" >>"$WORK/rate.nginx"
        fetch "$clients" "$megabytes" "$DIRECT" >>"$WORK/rate.straight"
    done
    a=$(median "$WORK/rate.alidav")
    n=$(median "$WORK/rate.nginx")
    s=$(median "$WORK/rate.straight")
    awk -v c="$clients" -v a="$a" -v n="$n" -v s="$s" -v gb="$((clients * megabytes * ROUNDS))e-3" \
        -v ac0="$alidav_cpu" -v ac1="$(cpu "$ALIDAV_PID")" -v nc0="$nginx_cpu" -v nc1="$(cpu "$NGINX")" \
        'BEGIN { printf "%8d %7d MB/s %5d MB/s %5d MB/s %11.2f %12.2f %12.2f\n", c, a, n, s, a / n, (ac1 - ac0) / gb, (nc1 - nc0) / gb }'
done
echo "peak resident memory of alidav: $(awk '/VmHWM/ { print $2 / 1024 " MiB" }' "/proc/$ALIDAV_PID/status")"
