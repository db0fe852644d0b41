#!/usr/bin/env bash
# rclone's tests of a remote (fstests), by the dialect that gives it hashes, times and chunked uploads.
source "$(dirname "$0")/../lib.sh"
VERSION=v1.76.0
module=$(go mod download -json "github.com/rclone/rclone@$VERSION" | jq -r .Dir)
if [ ! -x "$BUILT/webdav-$VERSION.test" ]; then
    (cd "$module" && go test -c -mod=readonly -o "$BUILT/webdav-$VERSION.test" ./backend/webdav)
fi
drive
printf '[alidav]\ntype = webdav\nurl = %s\nvendor = nextcloud\nuser = me\npass = %s\n' \
    "$URL/remote.php/dav/files/me" "$(rclone obscure 'secret word')" >"$WORK/rclone.conf"
# They look for their settings beside their source.
cd "$module/backend/webdav"
RCLONE_CONFIG="$WORK/rclone.conf" gather "$BUILT/webdav-$VERSION.test" -test.v -test.run 'TestIntegration$' -remote alidav:
sed -n 's/^ *--- PASS: \([^ ]*\) .*/pass \1/p; s/^ *--- FAIL: \([^ ]*\) .*/fail \1/p' "$WORK/suite.log" >"$WORK/results"
verdict
