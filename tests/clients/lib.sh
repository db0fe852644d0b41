# Helpers of the client scripts: a simulated drive and an alidav over it, both on any free port, both
# ended by their process ids.

set -euo pipefail
ALIDAV="${ALIDAV:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)/target/release/alidav}"
WORK="$(mktemp -d)"
PIDS=()
CHECKS=0
SERVERS=0
# How many servers stand behind $URL: each has to learn for itself what it remembers.
INSTANCES=1

# No log may show a password, a token, a code for one, or a link's signature.
seek_secrets() {
    [ -n "${SIM:-}" ] || return 0
    curl -sf "$SIM/sim/secrets" | jq -r '.[]' >"$WORK/secrets.txt" || return 0
    printf '%s\n' "secret word" "bWU6c2VjcmV0IHdvcmQ" "x-oss-signature=" >>"$WORK/secrets.txt"
    if grep -qhFf "$WORK/secrets.txt" "$WORK"/alidav*.log; then
        echo "A SECRET IS IN THE LOG: $(grep -hm1 -Ff "$WORK/secrets.txt" "$WORK"/alidav*.log)"
        return 1
    fi
}

finish() {
    local status=$?
    if [ "$status" -eq 0 ] && compgen -G "$WORK/alidav*.log" >/dev/null; then seek_secrets || status=1; fi
    for pid in "${PIDS[@]}"; do
        kill "$pid" 2>/dev/null || true
        # One that a script has stopped ends as well.
        kill -CONT "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    done
    if [ "$status" -ne 0 ]; then
        for log in "$WORK"/*.log; do
            # The script may have ended where its output goes to a file.
            [ -e "$log" ] && { echo "--- $log"; tail -30 "$log"; } >&2
        done
    fi
    rm -rf "$WORK"
    exit "$status"
}
trap finish EXIT

# start NAME COMMAND...: runs a command and waits for its address; the address is in $ADDRESS.
start() {
    local name=$1
    shift
    # The shell in the background opens its files when it gets to run: they are to be there before we look.
    : >"$WORK/$name.out"
    "$@" >"$WORK/$name.out" 2>"$WORK/$name.log" &
    PIDS+=($!)
    # A busy machine may take its time.
    for _ in $(seq 300); do
        ADDRESS=$(sed -n 's/^listening on //p' "$WORK/$name.out" | head -1)
        [ -n "$ADDRESS" ] && return
        sleep 0.1
    done
    echo "$name did not start"
    return 1
}

# end_process PID SIGNAL: ends one that was started here, and waits for it.
end_process() {
    local pid left=()
    kill "$2" "$1"
    wait "$1" 2>/dev/null || true
    for pid in "${PIDS[@]}"; do [ "$pid" = "$1" ] || left+=("$pid"); done
    PIDS=("${left[@]}")
}

# nginx_within_http: makes $WORK/nginx.conf, whose files lie below $WORK, of what is to stand within `http`, from standard
# input.
nginx_within_http() {
    mkdir "$WORK/nginx"
    {
        cat <<CONF
daemon off;
pid $WORK/nginx/pid;
error_log $WORK/nginx/error.log;
events {}
http {
    access_log off;
    client_body_temp_path $WORK/nginx/body;
    proxy_temp_path $WORK/nginx/proxy;
    fastcgi_temp_path $WORK/nginx/fastcgi;
    uwsgi_temp_path $WORK/nginx/uwsgi;
    scgi_temp_path $WORK/nginx/scgi;
CONF
        cat
        echo "}"
    } >"$WORK/nginx.conf"
}

# A port that nobody has; for programs that do not tell which one they got.
free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# simulate: starts an empty drive; its address is in $SIM.
simulate() {
    start simulate "$ALIDAV" simulate --listen 127.0.0.1:0 --empty
    SIM=$ADDRESS
}

# write_settings [LINES...]: writes settings of an alidav over $SIM with more lines, and a state store of its own.
write_settings() {
    local token
    # One server serves from a state store.
    SERVERS=$((SERVERS + 1))
    token=$(curl -sf "$SIM/sim/token" | jq -r .refresh_token)
    {
        echo 'listen = ["127.0.0.1:0"]'
        echo "state = \"sqlite:$WORK/state.$SERVERS.db\""
        echo "log = \"${LOG:-info,alidav=trace}\""
        printf '%s\n' "[upstream]" "api_url = \"$SIM\"" "list_per_s = 100000" "link_per_s = 100000" "other_per_s = 100000"
        printf '%s\n' "[[account]]" "name = \"main\"" "oauth_token_urls = [\"$SIM/alicloud/renewapi\"]" "refresh_token = \"$token\""
        printf '%s\n' "[[user]]" 'name = "me"' 'password = "secret word"'
        printf '%s\n' "$@"
    } >"$WORK/alidav.toml"
    chmod 600 "$WORK/alidav.toml"
}

# serve [LINES...]: starts alidav over $SIM with more lines of settings; its address is in $URL.
serve() {
    write_settings "$@"
    start alidav "$ALIDAV" serve --config "$WORK/alidav.toml"
    URL=$ADDRESS
}

# put FILE PATH: puts a file on the simulated drive from behind.
put() {
    curl -sf -T "$1" "$SIM/sim/files/default/$2" >/dev/null
}

lever() {
    curl -sf -X POST "$SIM/sim/$1" -d "${2:-}" >/dev/null
}

# calls NAME: how often an endpoint was called since the last reset; without a name, all but transfers.
calls() {
    if [ $# -eq 0 ]; then
        curl -sf "$SIM/sim/calls" | jq '[to_entries[] | select(.key | startswith("data ") | not) | .value] | add // 0'
    else
        curl -sf "$SIM/sim/calls" | jq --arg name "$1" '.[$name] // 0'
    fi
}

equal() {
    CHECKS=$((CHECKS + 1))
    if [ "$2" != "$3" ]; then
        printf 'NOT EQUAL: %s\n  expected: %s\n  found:    %s\n' "$1" "$2" "$3"
        return 1
    fi
}

contains() {
    CHECKS=$((CHECKS + 1))
    case "$3" in
        *"$2"*) ;;
        *) printf 'MISSING: %s\n  expected to hold: %s\n  found: %s\n' "$1" "$2" "$3"; return 1 ;;
    esac
}

# http ARGUMENTS...: curl as the user, without a progress bar.
http() {
    curl -s -u "me:secret word" "$@"
}

status() {
    http -o /dev/null -w '%{http_code}' "$@"
}

# code ARGUMENTS...: asks as the script's client does (its function ask); the status. The rest of the answer is kept.
code() {
    ask -o "$WORK/body" -D "$WORK/head" -w '%{http_code}' "$@"
}

# field NAME: a header of the answer kept.
field() {
    sed -n "s/^$1: //Ip" "$WORK/head" | tr -d '\r'
}

no_rates='{"rate_limits":false}'

# Where another script has started drive and servers already, its requests are replayed against those.
if [ -n "${SERVED_BY:-}" ]; then
    read -r SIM URL INSTANCES <<<"$SERVED_BY"
    simulate() { :; }
    serve() { :; }
fi
