# The quick loop; `just` alone lists it. `tests/tools.sh` fetches just and the rest into target/tools, so that without
# one of your own it is target/tools/python/bin/just.

export PATH := justfile_directory() / "target/tools/python/bin:" + justfile_directory() / "target/tools/bin:" + env("PATH")

[private]
default:
    @just --list --unsorted

# What takes seconds: formatting, spelling, lints
check: format spell types lint

[private]
format:
    cargo fmt --check

[private]
spell:
    typos

# The types of the pages; `tests/tools.sh` fetches the program that checks them
[private]
types:
    target/tools/node/node_modules/.bin/tsc --project web/tsconfig.json

# Licences, sources and advisories of the crates; needs `cargo install cargo-deny`, minutes to build, and the network.
# Licences, sources and denied crates are also a test (tests/it/crates.rs), which runs always.
deny:
    cargo deny check

[private]
lint:
    cargo clippy --all-targets --locked -- -D warnings

# Every unit and integration test, or those whose name holds one of the words
test *WORDS:
    cargo nextest run --locked {{ WORDS }}

# All of them but the schedule explorer and the browser
test-fast *WORDS:
    cargo nextest run --locked --profile fast {{ WORDS }}

# The pages in a browser, all or those whose name holds one of the words; needs chromium and chromium-driver
test-pages *WORDS:
    cargo nextest run --locked --test pages {{ WORDS }}

# Every order of calls of two operations, and each single fault at each call: it takes long
explore *WORDS:
    ALIDAV_TEST_WIDE=1 EXPLORE_ONLY="{{ WORDS }}" cargo test --locked --profile explorer --test explorer -- --nocapture

# The examples in the documentation, and the documentation itself
doc:
    cargo test --doc --locked
    RUSTDOCFLAGS="-D warnings" cargo doc --no-deps --locked --document-private-items

# One client script against a release build: `just client rclone`
client NAME:
    cargo build --release --locked
    timeout 600 bash tests/clients/{{ NAME }}.sh

# One measurement: `just bench film`
bench NAME:
    cargo build --release --locked
    ALIDAV="$PWD/target/release/alidav" bash benches/{{ NAME }}.sh

# A simulated drive with sample films, served
demo *OPTIONS:
    cargo run --release --locked -- demo {{ OPTIONS }}

# What continuous integration runs
all:
    tests/all.sh
