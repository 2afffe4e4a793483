"""Starting: from the command to the first answer, and what the service takes when it has nothing to do."""

import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

from bench.tables import Figures
from tests.services import free_port


def run() -> Figures:
    """Measure."""
    figures = Figures(
        "Starting",
        "`beijian run` (what `make run` does once its environment is there) until `/ready` answers: first on nothing, which "
        "makes the database and tells the demo company's two years; then again on what it left. Memory is the resident size of "
        "API and worker after five idle seconds.",
        ("what", "measured", "goal"),
    )
    with tempfile.TemporaryDirectory(prefix="beijian-bench-") as name:
        Path(name).chmod(0o755)
        first, _ = _start(Path(name))
        again, memory = _start(Path(name))
    figures.rows += [
        ("first start, demo company included", f"{first:.1f} s", "90 s"),
        ("second start", f"{again:.1f} s", "8 s"),
        ("idle memory of API and worker", f"{memory:.0f} MB", "400 MB"),
    ]
    return figures


def _start(state: Path) -> tuple[float, float]:
    port = free_port()
    environment = {**os.environ, "BEIJIAN_STATE": str(state), "PORT": str(port), "BEIJIAN_LOG": "quiet"}
    environment.pop("DATABASE_URL", None)
    began = time.perf_counter()
    process = subprocess.Popen(
        [sys.executable, "-m", "api.cli", "run"], env=environment, stdout=subprocess.DEVNULL, process_group=0
    )
    try:
        while True:
            assert process.poll() is None, "the service ended"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/ready", timeout=2):
                    break
            except (urllib.error.URLError, OSError):
                time.sleep(0.02)
        took = time.perf_counter() - began
        time.sleep(5)
        return took, _memory(process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(60)


def _memory(parent: int) -> float:
    """Resident megabytes of the API's and the worker's processes."""
    total = 0.0
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
            family = f"\nPPid:\t{parent}\n" in (entry / "status").read_text() or b"spawn_main" in b" ".join(words)
            if b"serve" in words or b"work" in words or (family and b"spawn_main" in b" ".join(words)):
                pages = int((entry / "statm").read_text().split()[1])
                total += pages * os.sysconf("SC_PAGE_SIZE") / 1e6
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total
