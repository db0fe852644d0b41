#!/usr/bin/env bash
# Runs a command with a PostgreSQL server of its own, which ends with it:
#
#     tests/postgres.sh cargo test --lib state::
#
# The server listens on a free loopback port and keeps its data in a new folder. For the command,
# POSTGRES_FOR_TESTS is the address of a user who may make databases, and POSTGRES_CONTROL a command that takes what
# pg_ctl does: "stop -m immediate", "start". The first line of the file POSTGRES_PID_FILE is the server's process.
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
control=("${as[@]}" "$bin/pg_ctl" --silent --wait -D "$data/db")
finish() {
    # Whatever of it stands still goes on. A fast end waits for no client.
    if [ -f "$data/db/postmaster.pid" ]; then
        server=$(head -1 "$data/db/postmaster.pid")
        # shellcheck disable=SC2046 # each word is a process
        kill -CONT "$server" $(cat "/proc/$server/task/$server/children" 2>/dev/null) 2>/dev/null || true
        "${control[@]}" stop -m fast >/dev/null 2>&1 || "${control[@]}" stop -m immediate || true
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
cat >>"$data/db/postgresql.conf" <<END
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = '$data'
max_connections = 200
END
"${control[@]}" start --log="$data/log" >/dev/null || {
    cat "$data/log" >&2
    exit 1
}
cd "$cd_home"
export POSTGRES_FOR_TESTS="postgres://alidav:$password@127.0.0.1:$port/postgres"
export POSTGRES_CONTROL="cd / && ${control[*]} --log=$data/log" POSTGRES_PID_FILE="$data/db/postmaster.pid"
"$@"
