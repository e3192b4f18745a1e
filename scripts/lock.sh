#!/bin/sh
# Compiles constraints/ from pyproject.toml and constraints/build.in: every version pinned, every file hashed, no
# address of an index. Pins that still fit are kept; `scripts/lock.sh --upgrade` takes the newest.
set -eu
cd "$(dirname "$0")/.."

compile() {
    .venv/bin/uv pip compile --quiet --python-version 3.11 --universal --generate-hashes --no-emit-index-url \
        --custom-compile-command "make lock" "$@"
}

# The widest set first: what is in two files has one version in both.
compile --all-extras constraints/build.in pyproject.toml --output-file constraints/dev.txt "$@"
compile --constraints constraints/dev.txt pyproject.toml --output-file constraints/runtime.txt
compile --constraints constraints/dev.txt constraints/build.in --output-file constraints/build.txt
