#!/usr/bin/env bash
# Checks that the sources compile for Windows and macOS, from here: packaging/elsewhere.sh [TARGET…]. Nothing is linked or
# run. After packaging/programs.sh, whose zig compiles the C parts; the standard libraries come from rustup.
set -euo pipefail
cd "$(dirname "$0")/.."
export PATH="$PWD/target/tools/zig/bin:$PATH"
[ $# -gt 0 ] || set -- x86_64-pc-windows-gnu aarch64-apple-darwin
for target in "$@"; do
    rustup target add "$target"
    cargo-zigbuild check --locked --lib --bins --target "$target"
done
