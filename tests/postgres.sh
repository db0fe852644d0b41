#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own, which ends with it:
#
#     tests/postgres.sh cargo test --lib state::
#
# The server listens on a free loopback port and keeps its data in a new folder. For the command,
# ALIDAV_TEST_POSTGRES is the address of a user who may make databases, and POSTGRES_PID the server's process.
# Started by root it runs as the user whom Debian's package made, since PostgreSQL refuses root.
set -euo pipefail

bin=$(find /usr/lib/postgresql/*/bin /usr/local/bin /usr/bin -name postgres 2>/dev/null | sort -V | tail -1)
[ -n "$bin" ] || {
    echo "tests/postgres.sh: no PostgreSQL; install the package postgresql" >&2
    exit 1
}
bin=$(dirname "$(readlink -f "$bin")")
data=$(mktemp -d "${TMPDIR:-/tmp}/alidav-postgres.XXXXXX")
as=()
if [ "$(id -u)" -eq 0 ]; then
    chown postgres "$data"
    as=(setpriv --reuid=postgres --regid=postgres --init-groups)
fi
pid=
finish() {
    if [ -n "$pid" ]; then
        # It may have been stopped; SIGINT is the fast end, which waits for no client.
        kill -CONT "$pid" 2>/dev/null || true
        kill -INT "$pid" 2>/dev/null || true
        wait "$pid" 2>/dev/null || true
    fi
    rm -rf "$data"
}
trap finish EXIT

# Its working directory need not be readable by that user.
cd_home=$PWD
cd /
password=$(head -c 16 /dev/urandom | od -An -tx1 | tr -d ' \n')
printf '%s\n' "$password" >"$data/password"
[ ${#as[@]} -eq 0 ] || chown postgres "$data/password"
"${as[@]}" "$bin/initdb" --pgdata="$data/db" --username=alidav --encoding=UTF8 --locale=C --auth=scram-sha-256 \
    --pwfile="$data/password" >/dev/null
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
"${as[@]}" "$bin/postgres" -D "$data/db" -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories="$data" \
    -c max_connections=200 >"$data/log" 2>&1 &
pid=$!
for _ in $(seq 100); do
    "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" && break
    kill -0 "$pid" 2>/dev/null || {
        cat "$data/log" >&2
        exit 1
    }
    sleep 0.1
done
cd "$cd_home"
export ALIDAV_TEST_POSTGRES="postgres://alidav:$password@127.0.0.1:$port/postgres" POSTGRES_PID=$pid
"$@"
