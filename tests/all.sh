#!/usr/bin/env bash
# Every test: formatting, lints, unit and integration tests, documentation, then real clients against
# a running alidav on the simulated drive. Installs what it needs. Ends what it starts.
set -euo pipefail
cd "$(dirname "$0")/.."
# Debian keeps these out of the PATH of ordinary users: nginx and mount.davfs are there.
PATH="$PATH:/usr/sbin:/sbin"

step() {
    printf '\n== %s (%ds)\n' "$1" "$SECONDS"
}

install_packages() {
    local missing=()
    for pair in "$@"; do
        command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
    done
    [ ${#missing[@]} -eq 0 ] && return
    local root=()
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" apt-get update -qq
    # sudo does not pass variables on.
    "${root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -qq -y --no-install-recommends "${missing[@]}" >/dev/null
}

# Debian's package would make a server of its own and start it; the tests start theirs.
install_postgres() {
    [ -z "$(find /usr/lib/postgresql/*/bin -name postgres 2>/dev/null)" ] || return 0
    local root=() folder=/etc/postgresql-common/createcluster.d
    [ "$(id -u)" -eq 0 ] || root=(sudo)
    "${root[@]}" mkdir -p "$folder"
    echo "create_main_cluster = false" | "${root[@]}" tee "$folder/for-tests.conf" >/dev/null
    install_packages no-command:postgresql
    "${root[@]}" rm "$folder/for-tests.conf"
}

step "packages"
install_packages curl:curl jq:jq xmllint:libxml2-utils rclone:rclone ffmpeg:ffmpeg mpv:mpv cadaver:cadaver litmus:litmus mount.davfs:davfs2 \
    fusermount3:fuse3 openssl:openssl cc:gcc gio:libglib2.0-bin dbus-run-session:dbus /usr/libexec/gvfsd-dav:gvfs-backends \
    nginx:nginx-light python3:python3 npm:npm chromium:chromium chromedriver:chromium-driver zbarimg:zbar-tools script:bsdutils \
    tmux:tmux faketime:faketime
install_postgres
python3 -m ensurepip --version >/dev/null 2>&1 || install_packages no-command:python3-venv

step "tools"
tests/tools.sh

step "packaging/test-several.sh"
packaging/test-several.sh

for recipe in check test doc; do
    step "just $recipe"
    # The tests of the state store run on both engines.
    tests/postgres.sh target/tools/python/bin/just "$recipe"
done

step "release build"
# Without optimisation over crates, which takes minutes and changes nothing of what the clients see.
CARGO_PROFILE_RELEASE_LTO=off CARGO_PROFILE_RELEASE_CODEGEN_UNITS=16 cargo build --release --locked

failed=0
for script in tests/clients/*.sh; do
    case "$script" in */lib.sh) continue ;; esac
    step "$script"
    if timeout 600 bash "$script"; then
        echo "passed: $script"
    else
        echo "FAILED: $script"
        failed=$((failed + 1))
    fi
done

step "done"
if [ "$failed" -ne 0 ]; then
    echo "$failed client scripts failed"
    exit 1
fi
echo "all passed"
