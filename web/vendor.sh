#!/bin/sh
# Writes vendor/ anew from what npm publishes, and the sums that a test compares. The only place that names versions
# beside app/html.js, app/view/text.js, app/player/engine.js and app/player/subtitles.js, which import them.
set -eu
cd "$(dirname "$0")"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

take() { # name, version, files…
    name=$1 version=$2
    shift 2
    tarball=$(cd "$work" && npm pack --silent "$name@$version")
    mkdir -p "$work/$name"
    tar -xzf "$work/$tarball" -C "$work/$name"
    rm -rf "vendor/$name-"*
    for file in LICENSE "$@"; do
        to="vendor/$name-$version/${file#dist/}"
        mkdir -p "$(dirname "$to")"
        cp "$work/$name/package/$file" "$to"
    done
}

take lit-html 3.3.3 \
    lit-html.js lit-html.d.ts directive.js directive.d.ts directive-helpers.js directive-helpers.d.ts \
    directives/repeat.js directives/repeat.d.ts directives/unsafe-html.js directives/unsafe-html.d.ts
take hls.js 1.7.4 dist/hls.light.min.mjs dist/hls.worker.js
take assjs 0.1.10 dist/ass.min.js src/global.css

find vendor -type f ! -name SHA256SUMS | LC_ALL=C sort | xargs sha256sum > vendor/SHA256SUMS
