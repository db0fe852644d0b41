#!/usr/bin/env bash
# object_store and OpenDAL, storage libraries for Rust.
source "$(dirname "$0")/../lib.sh"
export CARGO_TARGET_DIR="$BUILT"
cargo build --quiet --locked --tests --manifest-path "$SUITE/Cargo.toml"
# object_store wants the tree at the server's root.
export ALIDAV_DAV_PREFIX=/
drive
URL=$URL gather cargo test --locked --no-fail-fast --manifest-path "$SUITE/Cargo.toml" -- --test-threads=1
sed -n 's/^test \(.*\) \.\.\. ok/pass \1/p; s/^test \(.*\) \.\.\. FAILED/fail \1/p' "$WORK/suite.log" >"$WORK/results"
verdict
