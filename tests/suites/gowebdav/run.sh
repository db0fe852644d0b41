#!/usr/bin/env bash
# The tests of gowebdav, a client for Go. Their server in memory is replaced by a running alidav.
source "$(dirname "$0")/../lib.sh"
VERSION=v0.13.0
module=$(go mod download -json "github.com/studio-b12/gowebdav@$VERSION" | jq -r .Dir)
cp -r "$module" "$WORK/gowebdav"
chmod -R u+w "$WORK/gowebdav"
cp "$SUITE/remote_test.go" "$WORK/gowebdav/"
cd "$WORK/gowebdav"
perl -0pi -e 's/webdav\.NewMemFS\(\)/newRemote()/g; s/&webdav\.Handler\{\s*FileSystem: fs,\s*LockSystem: webdav\.NewMemLS\(\),\s*\}/fs/g;
    s/, webdav\.FileSystem, context\.Context\)/, *remote, context.Context)/g' client_test.go
# The last word on what it needs is its own list of sums.
go test -modfile=go_test.mod -c -o "$BUILT/gowebdav.test" .
drive
URL=$URL gather "$BUILT/gowebdav.test" -test.v -test.run 'TestConnect|TestAuth|Test.*Read|TestStat|TestMkdir|TestCopy|TestRename|TestRemove|TestWrite'
sed -n 's/^ *--- PASS: \([^ ]*\) .*/pass \1/p; s/^ *--- FAIL: \([^ ]*\) .*/fail \1/p' "$WORK/suite.log" >"$WORK/results"
verdict
