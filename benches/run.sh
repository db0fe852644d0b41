#!/usr/bin/env bash
# All measurements, each side by side with what it is compared to, in one run.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo build --release --locked
cargo bench --bench propfind
bash benches/proxy.sh
bash benches/upload.sh
