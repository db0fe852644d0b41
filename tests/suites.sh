#!/usr/bin/env bash
# Other projects' clients and their own test suites against alidav: all of them, or those that are named. On demand
# only, since it builds for some ten minutes. Fetches what it needs into target/suites from the package registries;
# wants go, cargo, node, python3 with venv, rclone, curl and jq, and a release build of alidav.
#
#     cargo build --release && tests/suites.sh [NAME...]
#
# Each suite is a folder of tests/suites: run.sh runs it, deviations.txt names what fails there, with the reason.
set -uo pipefail
cd "$(dirname "$0")/suites"
[ $# -gt 0 ] || set -- */
failed=0
for suite in "$@"; do
    printf '== %s\n' "${suite%/}"
    bash "${suite%/}/run.sh" || failed=$((failed + 1))
done
[ "$failed" -eq 0 ] || { echo "$failed suites failed"; exit 1; }
