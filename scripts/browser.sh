#!/bin/sh
# Make sure the browser tests find a browser and Chinese fonts: Debian's, installed here where that is allowed.
set -eu
have() { command -v chromium >/dev/null 2>&1 || command -v chromium-browser >/dev/null 2>&1 || command -v google-chrome >/dev/null 2>&1; }
fonts() { command -v fc-list >/dev/null 2>&1 && [ -n "$(fc-list ':lang=zh' 2>/dev/null | head -n 1)" ]; }
if have && fonts; then exit 0; fi
if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null 2>&1; then
    echo "installing Debian's chromium and fonts-noto-cjk for the browser tests" >&2
    export DEBIAN_FRONTEND=noninteractive
    { apt-get -qq update && apt-get -qq install -y --no-install-recommends chromium fonts-noto-cjk fontconfig; } >/dev/null 2>&1 || true
fi
if have; then exit 0; fi
if [ -n "${CI:-}" ]; then
    echo "no browser: CI needs one (install chromium and fonts-noto-cjk)" >&2
    exit 1
fi
echo "no browser here: the browser tests will be skipped (install chromium and fonts-noto-cjk to run them)" >&2
