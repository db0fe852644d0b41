#!/usr/bin/env python3
"""Writes what a program is made of: packaging/notices.py VERSION FOLDER.

THIRD-PARTY.md has the licence of each crate that is linked in, in the words that the crate brings; SBOM.cdx.json names
them in CycloneDX 1.5. Crates only for building and tests are in neither.
"""

import collections
import datetime
import json
import os
import pathlib
import subprocess
import sys
import tomllib

TARGETS = ["x86_64-unknown-linux-musl", "aarch64-unknown-linux-musl", "armv7-unknown-linux-musleabihf"]
ROOT = pathlib.Path(__file__).parent.parent
# What is linked in and is no crate: name, licence, and where its words are.
OTHERS = [
    ("musl", "MIT", "target/tools/zig/lib/python*/site-packages/ziglang/lib/libc/musl/COPYRIGHT"),
    ("lit-html, in the pages", "BSD-3-Clause", "web/vendor/lit-html-*/LICENSE"),
    ("hls.js, in the pages", "Apache-2.0", "web/vendor/hls.js-*/LICENSE"),
    ("assjs, in the pages", "MIT", "web/vendor/assjs-*/LICENSE"),
]
HEAD = """# Third-party notices

alidav is made of its own sources and of what is named here, each under its own licence. The Rust standard library is
under Apache-2.0 or MIT, LLVM's libunwind under Apache-2.0 with the LLVM exception, SQLite in the public domain.
"""


def linked(target):
    """The packages that a program for the target is linked of, but itself."""
    command = ["cargo", "metadata", "--format-version", "1", "--locked", "--filter-platform", target]
    told = json.loads(subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
    nodes = {node["id"]: node for node in told["resolve"]["nodes"]}
    packages = {package["id"]: package for package in told["packages"]}
    own = told["resolve"]["root"]
    seen, waiting = set(), [own]
    while waiting:
        at = waiting.pop()
        if at in seen or (at != own and any("proc-macro" in part["kind"] for part in packages[at]["targets"])):
            continue
        seen.add(at)
        for dep in nodes[at]["deps"]:
            if any(kind["kind"] is None for kind in dep["dep_kinds"]):
                waiting.append(dep["pkg"])
    return [packages[at] for at in seen - {own}]


def licence_texts(package):
    """The files of a crate that hold its licence; where it brings none, what its manifest says."""
    folder = pathlib.Path(package["manifest_path"]).parent
    words = ("LICENSE", "LICENCE", "COPYING", "NOTICE", "COPYRIGHT", "UNLICENSE")
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name.upper().startswith(words))
    if not files:
        return [f"{package['license']}, by {', '.join(package['authors']) or 'its authors'}"]
    return [path.read_text(encoding="utf-8", errors="replace").strip() for path in files]


def notices(packages):
    """Equal texts once, with all that stand under them."""
    under = collections.defaultdict(list)
    for package in packages:
        for text in licence_texts(package):
            under[text].append(f"{package['name']} {package['version']} ({package['license']})")
    for name, licence, pattern in OTHERS:
        found = list(ROOT.glob(pattern))
        if not found:
            sys.exit(f"packaging/notices.py: no {pattern}")
        for path in found:
            under[path.read_text(encoding="utf-8").strip()].append(f"{name} ({licence})")
    parts = [HEAD]
    for text, users in sorted(under.items(), key=lambda item: (-len(item[1]), item[1])):
        parts.append("\n## " + "\n## ".join(users[:1]) + (f" and {len(users) - 1} more" if users[1:] else "") + "\n\n")
        parts.append("".join(f"- {user}\n" for user in users) + f"\n````text\n{text}\n````\n")
    return "".join(parts)


def bill(version, packages):
    """The same list for programs, with the checksums of Cargo.lock."""
    lock = tomllib.loads((ROOT / "Cargo.lock").read_text(encoding="utf-8"))
    sums = {(row["name"], row["version"]): row.get("checksum") for row in lock["package"]}
    components = []
    for package in packages:
        name, number = package["name"], package["version"]
        purl = f"pkg:cargo/{name}@{number}"
        components.append({
            "type": "library", "bom-ref": purl, "name": name, "version": number, "purl": purl,
            "licenses": [{"expression": package["license"].replace("/", " OR ")}],
            "hashes": [{"alg": "SHA-256", "content": sums[name, number]}],
        })
    seconds = int(os.environ.get("SOURCE_DATE_EPOCH", "0"))
    own = {"type": "application", "bom-ref": "alidav", "name": "alidav", "version": version}
    time = datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.5", "version": 1,
        "metadata": {"timestamp": time, "component": own},
        "components": components,
        "dependencies": [{"ref": "alidav", "dependsOn": [row["bom-ref"] for row in components]}],
    }


def main():
    version, folder = sys.argv[1], pathlib.Path(sys.argv[2])
    every = {(package["name"], package["version"]): package for target in TARGETS for package in linked(target)}
    packages = [every[key] for key in sorted(every)]
    (folder / "THIRD-PARTY.md").write_text(notices(packages), encoding="utf-8")
    (folder / "SBOM.cdx.json").write_text(json.dumps(bill(version, packages), indent=1) + "\n", encoding="utf-8")
    print(f"{len(packages)} crates are linked in")


main()
