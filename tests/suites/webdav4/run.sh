#!/usr/bin/env bash
# The tests of webdav4, a client and file system (fsspec) for Python.
source "$(dirname "$0")/../lib.sh"
VERSION=0.11.0
if [ ! -x "$BUILT/python/bin/pytest" ]; then
    python3 -m venv "$BUILT/python"
    "$BUILT/python/bin/pip" install --quiet --disable-pip-version-check \
        "webdav4[fsspec]==$VERSION" pytest==8.4.2 cheroot colorama typing-extensions wsgidav
    # The package to be installed leaves the tests out, its source has them.
    "$BUILT/python/bin/pip" download --quiet --disable-pip-version-check --no-deps --no-binary :all: -d "$BUILT" "webdav4==$VERSION"
fi
tar -xzf "$BUILT/webdav4-$VERSION.tar.gz" -C "$WORK" "webdav4-$VERSION/tests"
cp "$SUITE/conftest.py" "$WORK/webdav4-$VERSION/tests/"
drive
cd "$WORK/webdav4-$VERSION"
URL=$URL gather "$BUILT/python/bin/pytest" -q -rA -p no:cacheprovider tests/test_client.py tests/test_fsspec.py
sed -n 's/^PASSED \([^ ]*\).*/pass \1/p; s/^\(FAILED\|ERROR\) \([^ ]*\).*/fail \2/p' "$WORK/suite.log" >"$WORK/results"
verdict
