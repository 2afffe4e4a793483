"""The whole service as a newcomer starts it: the demo company, an emergency from the first failure to restored cover."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from api.demo.credentials import VENDOR_PORT_OFFSET
from tests.services import free_port

LOADED_WITHIN_SECONDS = 400
STOPPED_WITHIN_SECONDS = 60


LIVELY = {
    "/counts": {"posted", "counted", "counting", "cancelled"},
    "/pick-lists": {"open", "short", "picked", "shipped", "cancelled"},
    "/shipments": {"shipped", "failed", "handed_over", "returned"},
    "/provisional-issues": {"papered", "brought_back", "open", "loss_reported", "conflict"},
    "/transfers": {"draft", "shipped", "partly_received", "received", "closed"},
    "/reservations": {"pending", "soft", "posted", "taken_over"},
    "/handovers": {"given", "accepted", "declined"},
    "/pool-crossings": {"asked", "crossed", "refused"},
    "/scrappings": {"proposed", "approved", "refused"},
    "/part-requests": {"reserved", "shipped", "reconciled"},
    "/advance-shipping-notices": {"expected", "received"},
    "/imports": {"refused", "imported"},
    "/maker-cases": {"closed", "at_maker"},
    "/force-majeure": {"open"},
}
"""What the demo company's lists show at least, by the state of their entries."""


@pytest.fixture
def state() -> Iterator[Path]:
    """A folder for everything the service keeps, which PostgreSQL's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="beijian-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


class Newcomer:
    """Somebody at a terminal with `beijian run`."""

    def __init__(self, state: Path) -> None:
        self.state, self.port = state, free_port()
        while self.port + VENDOR_PORT_OFFSET > 65_535:
            self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = state / "terminal.log"
        self.environment = {name: value for name, value in os.environ.items() if name != "DATABASE_URL"} | {
            "PORT": str(self.port),
            "BEIJIAN_STATE": str(state / "run"),
            "BEIJIAN_LOG": "quiet",
        }
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "api.cli", "run"],
                env=self.environment,
                stdout=log,
                stderr=log,
                process_group=0,
            )

    def read(self) -> str:
        return self.log.read_text()

    def wait_for(self, what: str) -> None:
        deadline = time.monotonic() + LOADED_WITHIN_SECONDS
        while what not in self.read():
            assert self.process is not None
            assert self.process.poll() is None, self.read()
            assert time.monotonic() < deadline, self.read()
            time.sleep(0.1)

    def press_ctrl_c(self) -> int:
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        return self.process.wait(STOPPED_WITHIN_SECONDS)

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-m", "api.cli", *arguments],
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
        )

    def get(self, path: str, key: str) -> list[dict]:
        answer = httpx.get(f"{self.url}/api/v1{path}", headers={"Authorization": f"Bearer {key}"}, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["items"]


@pytest.fixture
def newcomer(state: Path) -> Iterator[Newcomer]:
    somebody = Newcomer(state)
    yield somebody
    if somebody.process is not None and somebody.process.poll() is None:
        somebody.press_ctrl_c()


def states_of(newcomer: Newcomer, credentials: list[dict], path: str) -> set[str]:
    """The states of everything in a list, as whoever sees it all: the keepers of the depots together, or the planner."""
    role = {"/pick-lists": "warehouse_keeper", "/imports": "planner"}.get(path, "auditor")
    return {
        entry["state"]
        for row in credentials
        if row["role"] == role
        for entry in newcomer.get(f"{path}?limit=200", row["api_key"])
    }


def left_over(state: Path) -> list[str]:
    """Programs that still run for the service."""
    found: list[str] = []
    for environment in Path("/proc").glob("[0-9]*/environ"):
        try:
            if f"BEIJIAN_STATE={state}/run".encode() in environment.read_bytes():
                found.append((environment.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found


def test_from_nothing_to_restored_cover_and_back_again(newcomer: Newcomer):
    newcomer.start()
    newcomer.wait_for("telling two years")
    interrupted = newcomer.press_ctrl_c()
    rest_of_interrupted = left_over(newcomer.state)

    newcomer.start()
    newcomer.wait_for("Watch plan 2 at work")
    began_again = "beginning again" in newcomer.read()
    credentials = json.loads(newcomer.run("demo", "credentials", "--json").stdout)
    manager = next(row["api_key"] for row in credentials if row["role"] == "project_manager")
    before = newcomer.get("/emergency-cases?live=true&part=ST12000NM0008", manager)
    lively = {path: states_of(newcomer, credentials, path) for path in LIVELY}
    drill = newcomer.run("demo", "burst", "--pace", "0.2")
    after = newcomer.get("/emergency-cases?live=true&part=ST12000NM0008", manager)
    orders = [order for case in after for order in newcomer.get(f"/purchase-orders?case={case['number']}", manager)]
    plans = newcomer.get("/plans", manager)
    books = newcomer.run("verify")
    stopped = newcomer.press_ctrl_c()
    rest = left_over(newcomer.state)

    newcomer.start()
    newcomer.wait_for("Watch plan 2 at work")
    found_again = newcomer.get("/emergency-cases?live=true&part=ST12000NM0008", manager)

    assert (interrupted, rest_of_interrupted, began_again) == (0, [], True)
    assert len({row["role"] for row in credentials}) == 12
    assert before == []
    assert {path: LIVELY[path] - states for path, states in lively.items() if LIVELY[path] - states} == {}
    assert drill.returncode == 0, drill.stdout + drill.stderr
    assert "arrived at GZ" in drill.stdout
    assert {(case["state"], case["drill"]) for case in after} == {("cover_restored", True)}
    assert "GZ" in {case["depot"] for case in after}
    assert {order["kind"] for order in orders} == {"emergency"}
    assert "received" in {order["state"] for order in orders}
    assert {plan["state"] for plan in plans} >= {"approved", "what_if"}
    assert (books.returncode, books.stderr) == (0, "")
    assert (stopped, rest) == (0, [])
    assert [case["id"] for case in found_again] == [case["id"] for case in after]
