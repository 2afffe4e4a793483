"""The service's own programs, run as real processes on loopback for tests that need them whole."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECRET = "0" * 64
READY_WITHIN_SECONDS = 180


def free_port() -> int:
    """A port nobody listens at just now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(*arguments: str, dsn: str, state: Path, port: int = 0) -> subprocess.Popen[bytes]:
    """Start `beijian …` against a database."""
    environment = {
        **os.environ,
        "DATABASE_URL": dsn,
        "BEIJIAN_SECRET": SECRET,
        "BEIJIAN_STATE": str(state),
        "BEIJIAN_LOG": "quiet",
        "BEIJIAN_ALLOW_PRIVATE_VENDORS": "1",
        "PORT": str(port or 8000),
    }
    return subprocess.Popen([sys.executable, "-m", "api.cli", *arguments], env=environment, process_group=0)


def end(process: subprocess.Popen[bytes], how: signal.Signals = signal.SIGTERM) -> None:
    """End a process and all it started, and wait."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, how)
    process.wait(timeout=30)


def wait_until_ready(url: str, process: subprocess.Popen[bytes]) -> None:
    """Wait until a service answers; fail as soon as it has died."""
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while time.monotonic() < deadline:
        assert process.poll() is None, f"the service ended with {process.returncode}"
        try:
            with urllib.request.urlopen(f"{url}/ready", timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise AssertionError("the service did not become ready")


@contextmanager
def served(dsn: str, state: Path) -> Iterator[str]:
    """The API and pages over a database, as a real server; its address."""
    port = free_port()
    process = start("serve", dsn=dsn, state=state, port=port)
    try:
        wait_until_ready(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        end(process)


@contextmanager
def working(dsn: str, state: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker over a database."""
    process = start("work", dsn=dsn, state=state)
    try:
        yield process
    finally:
        end(process)
