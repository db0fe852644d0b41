#!/usr/bin/env bash
# Builds alidav as one static file for Linux: packaging/programs.sh [amd64] [arm64] [arm], without words the first two.
# They go to target/dist/programs/ARCH/alidav. PROFILE=small builds for routers: smaller, slower.
# Needs Rust, python3 with venv and the package registries; the C parts and the linking are zig's.
set -euo pipefail
cd "$(dirname "$0")/.."
PROFILE="${PROFILE:-release}"
[ $# -gt 0 ] || set -- amd64 arm64

target_of() {
    case "$1" in
        amd64) echo x86_64-unknown-linux-musl ;;
        arm64) echo aarch64-unknown-linux-musl ;;
        arm) echo armv7-unknown-linux-musleabihf ;;
        *) echo "packaging/programs.sh: $1 is none of amd64, arm64, arm" >&2; return 2 ;;
    esac
}

for arch in "$@"; do target_of "$arch" >/dev/null; done

# SQLite without its search of texts, maps and its own pages: 0.3 MB that alidav never calls.
export LIBSQLITE3_FLAGS="-USQLITE_ENABLE_FTS3 -USQLITE_ENABLE_FTS3_PARENTHESIS -USQLITE_ENABLE_FTS5 -USQLITE_ENABLE_RTREE \
-USQLITE_ENABLE_DBSTAT_VTAB"
# mimalloc asks ARM's linker for a library of atomic operations, which ARMv7 has itself; the library of C stands for it.
export DEP_ATOMIC=c

# zig brings the C compiler, the linker and musl for every target; both come ready built.
ZIG_TOOLS="cargo-zigbuild==0.24.1 ziglang==0.17.1"
ZIG="$PWD/target/tools/zig"
if [ "$(cat "$ZIG/versions.txt" 2>/dev/null)" != "$ZIG_TOOLS" ]; then
    python3 -m venv "$ZIG"
    # shellcheck disable=SC2086 # each word is one package
    "$ZIG/bin/pip" install --quiet --disable-pip-version-check $ZIG_TOOLS
    echo "$ZIG_TOOLS" >"$ZIG/versions.txt"
fi
export PATH="$ZIG/bin:$PATH"

# A linker before rust-lld, for x86-64: what is to stand for a part of musl must come before musl, and rustc has no place
# for it there.
linker_with_memory() {
    local tools="$PWD/target/tools" host
    host=$(rustc -vV | sed -n 's/^host: //p')
    python-zig cc -target x86_64-linux-musl -O2 -fno-builtin -DTRY -o "$tools/memory" packaging/memory.c
    # Another machine may not run it.
    [ "$(uname -sm)" != "Linux x86_64" ] || "$tools/memory"
    python-zig cc -target x86_64-linux-musl -O2 -fno-builtin -fPIC -c -o "$tools/memory.o" packaging/memory.c
    printf '#!/bin/sh\nshift 2 # -flavor gnu\nexec %s -flavor gnu %s "$@"\n' \
        "$(rustc --print sysroot)/lib/rustlib/$host/bin/rust-lld" "$tools/memory.o" >"$tools/linker"
    chmod +x "$tools/linker"
}

# settings_of_memory TARGET: the allocator's settings, as an object to be linked; and none of its pages of 4 MiB for what
# is larger than 64 KiB, of which two hundred streams keep 30 MiB that nobody uses.
settings_of_memory() {
    local machine=${1/-unknown-/-}
    export "CFLAGS_${1//-/_}=-DMI_ENABLE_LARGE_PAGES=0"
    python-zig cc -target "${machine/armv7/arm}" -O2 -fPIC -c -o "target/tools/mimalloc-$1.o" packaging/mimalloc.c
    LINK+=("-Clink-arg=$PWD/target/tools/mimalloc-$1.o")
}

# std TARGET: sets what cargo and the linker need beside the target. The standard library comes ready from rustup, with
# musl; where that has none, it is built of its sources, which are rustup's component or Debian's package.
std() {
    local library
    library=$(rustc --print sysroot)/lib/rustlib
    # Code of large functions is not copied into their callers: 1 MB.
    CARGO=() LINK=(-Cstrip=symbols -Cllvm-args=-inline-threshold=50)
    if [ ! -d "$library/$1" ] && command -v rustup >/dev/null; then
        rustup target add "$1" || rustup component add rust-src
    fi
    if [ -d "$library/$1/lib/self-contained" ]; then
        # Rust's own linker packs the addresses that a loaded program has to mend, 0.8 MB, and keeps one of functions
        # that are alike, 0.1 MB. zig's cannot.
        local linker=rust-lld
        if [ "$1" = x86_64-unknown-linux-musl ]; then
            linker_with_memory
            linker="$PWD/target/tools/linker"
        fi
        LINK+=("-Clinker=$linker" -Clinker-flavor=ld.lld -Clink-self-contained=yes)
        LINK+=(-Clink-arg=--pack-dyn-relocs=relr -Clink-arg=--icf=all)
    elif [ -e "$library/src/rust/library/Cargo.toml" ]; then
        # That cargo builds it is not stable yet.
        export RUSTC_BOOTSTRAP=1
        CARGO=(-Z "build-std=std,panic_unwind")
        # musl itself is zig's.
        LINK+=(-Clink-self-contained=no)
    else
        echo "packaging/programs.sh: no standard library for $1: install the sources of this very compiler" \
            "(Debian: rust-src, beside rustc-web rust-web-src), or rustup" >&2
        return 1
    fi
}

for arch in "$@"; do
    target=$(target_of "$arch")
    std "$target"
    settings_of_memory "$target"
    cargo-zigbuild rustc --locked --bin alidav --profile "$PROFILE" --target "$target" "${CARGO[@]}" -- "${LINK[@]}"
    install -D "target/$target/$PROFILE/alidav" "target/dist/programs/$arch/alidav"
done
