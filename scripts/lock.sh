#!/bin/sh
# Resolve the dependencies into the lock files (--upgrade: to their newest): names, versions and hashes, no addresses.
set -eu
cd "$(dirname "$0")/.."
uv=$(command -v uv || echo .venv/bin/uv)
compile() { "$uv" pip compile --quiet --universal --generate-hashes --no-emit-index-url --no-header "$@"; }
compile pyproject.toml --group build --output-file requirements.lock "$@"
compile pyproject.toml --group dev --constraint requirements.lock --output-file requirements-dev.lock "$@"
