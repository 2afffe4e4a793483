#!/bin/sh
# Set up .venv from nothing but a Python (or uv) and a package registry.
#   scripts/setup.sh run    what the service needs
#   scripts/setup.sh dev    and what checks and tests need
set -eu
cd "$(dirname "$0")/.."
wanted=$(cat .python-version)

fits() { # a Python that can make environments and is new enough
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 12))' 2>/dev/null
}

find_python() {
    for candidate in "python$wanted" python3 python3.14 python3.13 python3.12; do
        if command -v "$candidate" >/dev/null 2>&1 && fits "$candidate"; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

give_up() {
    echo "beijian needs Python $wanted (3.12 at least) and found none: install it (for example Debian's python3.13 and" \
        "python3.13-venv, or pyenv install $wanted, or uv), then run this again." >&2
    exit 1
}

make_environment() {
    if command -v uv >/dev/null 2>&1 && uv venv --quiet --clear --seed .venv 2>/dev/null; then
        return
    fi
    if python=$(find_python); then
        "$python" -m venv --clear .venv
        return
    fi
    # an older Python can still bring uv, which brings the right one where it is reachable
    bootstrap=$(mktemp -d)
    trap 'rm -rf "$bootstrap"' EXIT
    { python3 -m venv "$bootstrap" && "$bootstrap/bin/python" -m pip install --quiet --require-hashes -r requirements-uv.lock &&
        "$bootstrap/bin/uv" venv --quiet --clear --seed .venv; } >/dev/null 2>&1 || give_up
}

# an environment that moved with its folder, or whose Python is gone, is made anew
if ! .venv/bin/python -c 'import sys; sys.exit(sys.version_info < (3, 12))' 2>/dev/null ||
    [ "$(.venv/bin/python -c 'import sys; print(sys.prefix)')" != "$(pwd -P)/.venv" ]; then
    make_environment
fi
python=.venv/bin/python
if command -v uv >/dev/null 2>&1; then
    uv=uv
else
    [ -x .venv/bin/uv ] || "$python" -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements-uv.lock
    uv=.venv/bin/uv
fi
if [ "$1" = dev ]; then lock=requirements-dev.lock; else lock=requirements.lock; fi
"$uv" pip install --quiet --python "$python" --require-hashes -r "$lock"
"$uv" pip install --quiet --python "$python" --no-deps --no-build-isolation --editable .
# compiled here once, whatever PYTHONDONTWRITEBYTECODE says: every start of the service is twice as quick for it
env -u PYTHONDONTWRITEBYTECODE "$python" -c "import api.app, api.demo.load, api.demo.vendor, api.supervisor, api.worker"
touch ".venv/ready-$1"
