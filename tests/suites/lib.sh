# Helpers of the suites: a simulated drive, an alidav over it, and the comparison of what a suite says with what is
# expected of it.

source "$(dirname "${BASH_SOURCE[0]}")/../clients/lib.sh"

SUITE="$(cd "$(dirname "$0")" && pwd)"
NAME="$(basename "$SUITE")"
# What was fetched and built; a second run finds it there.
BUILT="$SUITE/../../../target/suites/$NAME"
mkdir -p "$BUILT"
BUILT="$(cd "$BUILT" && pwd)"

# drive: a simulated drive and alidav over it, with the settings as they come; only the drive's rates are lifted, by
# which a suite of a thousand requests would take an hour. The tree is at $URL/dav/.
drive() {
    simulate
    lever rules "$no_rates"
    # What every request was would fill the disk.
    LOG=info serve '[[mount]]' 'path = "/"'
}

# verdict: holds $WORK/results, lines of "pass NAME" and "fail NAME", against deviations.txt, whose lines are a name,
# two blanks at least, and the reason why it fails with us. A name that fails without a reason, or passes with one, is
# an error; then what the suite printed is kept.
verdict() {
    local known="$WORK/known" failed="$WORK/failed" unexpected stale
    { grep -v '^\(#\|$\)' "$SUITE/deviations.txt" 2>/dev/null || true; } | sed 's/   *.*//' | sort -u >"$known"
    sed -n 's/^fail //p' "$WORK/results" | sort -u >"$failed"
    unexpected=$(comm -13 "$known" "$failed")
    stale=$(sed -n 's/^pass //p' "$WORK/results" | sort -u | comm -12 "$known" -)
    printf '%s passed, %s failed as expected\n' "$(grep -c '^pass ' "$WORK/results")" "$(comm -12 "$known" "$failed" | wc -l)"
    [ -z "$unexpected" ] || printf 'FAILED:\n%s\n' "$unexpected"
    [ -z "$stale" ] || printf 'PASSES, though deviations.txt says otherwise:\n%s\n' "$stale"
    grep -q '^pass ' "$WORK/results" || { echo "no test ran"; return 1; }
    [ -z "$unexpected$stale" ] || { cp "$WORK/suite.log" "$BUILT/last.log"; return 1; }
}

# gather COMMAND...: runs a suite; what it prints goes to $WORK/suite.log.
gather() {
    timeout 1800 "$@" >"$WORK/suite.log" 2>&1 || true
}
