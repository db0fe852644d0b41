#!/usr/bin/env bash
# The npm package `webdav`, a client for JavaScript: each of its operations.
source "$(dirname "$0")/../lib.sh"
VERSION=5.11.0
if [ ! -d "$BUILT/node_modules/webdav" ]; then
    npm install --silent --no-audit --no-fund --prefix "$BUILT" "webdav@$VERSION"
fi
# Modules are looked for from where the file lies.
cp "$SUITE/suite.test.mjs" "$BUILT/"
drive
URL=$URL gather node --test --test-reporter=tap "$BUILT/suite.test.mjs"
sed -n 's/^ *ok [0-9]* - \(.*\)/pass \1/p; s/^ *not ok [0-9]* - \(.*\)/fail \1/p' "$WORK/suite.log" >"$WORK/results"
verdict
