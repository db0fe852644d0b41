#!/usr/bin/env bash
# litmus, the WebDAV test suite: all of it must pass, and nothing it does may be left over.
source "$(dirname "$0")/lib.sh"
simulate
lever rules "$no_rates"
serve '[[mount]]' 'path = "/"'
cd "$WORK"
timeout 400 litmus -k "$URL/dav/" me "secret word" >"$WORK/litmus.log" 2>&1 || true
for suite in basic copymove props locks http; do
    contains "$suite" "100.0%" "$(grep "summary for \`$suite'" "$WORK/litmus.log")"
done
equal "nothing failed" 0 "$(grep -c 'FAIL' "$WORK/litmus.log" || true)"
echo "$CHECKS checks"
