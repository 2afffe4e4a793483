"""The embedded PostgreSQL: alone in its folder, gone with its parent, its data kept through a kill."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from api.embedded import EmbeddedPostgres, EmbeddedPostgresError

PARENT = """
import sys, time
from pathlib import Path
from api.embedded import EmbeddedPostgres
with EmbeddedPostgres(Path(sys.argv[1])) as server:
    print(server.dsn(), flush=True)
    time.sleep(600)
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder that the server's own user can reach."""
    with tempfile.TemporaryDirectory(prefix="beijian-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


@contextmanager
def parent(folder: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """A process with a server of its own, and the server's address; when it is left, both are gone."""
    with subprocess.Popen([sys.executable, "-c", PARENT, str(folder)], stdout=subprocess.PIPE, text=True) as process:
        address = process.stdout.readline().strip()
        server = postmaster_of(folder)
        try:
            yield process, address
        finally:
            process.terminate()
    assert gone(server)


def postmaster_of(folder: Path) -> int:
    return int((folder / "data" / "postmaster.pid").read_text().splitlines()[0])


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def gone(pid: int, within: float = 20) -> bool:
    deadline = time.monotonic() + within
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not alive(pid)


def test_the_server_stops_when_its_parent_is_killed(folder):
    with parent(folder) as (process, _):
        server = postmaster_of(folder)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert gone(server)


async def test_what_was_committed_survives_a_kill_of_the_server(folder):
    with parent(folder) as (process, dsn):
        connection = await asyncpg.connect(dsn)
        await connection.execute("CREATE TABLE kept (n int)")
        await connection.executemany("INSERT INTO kept VALUES ($1)", [(n,) for n in range(1000)])
        os.kill(postmaster_of(folder), signal.SIGKILL)
        process.kill()
        process.wait()
        connection.terminate()

    with EmbeddedPostgres(folder) as again:
        connection = await asyncpg.connect(again.dsn())
        assert await connection.fetchval("SELECT count(*) FROM kept") == 1000
        await connection.close()


def test_a_folder_in_use_is_refused_in_a_sentence(folder):
    with parent(folder), pytest.raises(EmbeddedPostgresError, match="already in use"), EmbeddedPostgres(folder):
        pass


def test_the_server_never_runs_as_root_nor_opens_its_folders(folder):
    with EmbeddedPostgres(folder) as server:
        owner = Path(f"/proc/{postmaster_of(folder)}").stat().st_uid
        assert owner == (server.data.stat().st_uid)
        assert owner != 0
        assert server.data.stat().st_mode & 0o077 == 0
        assert (folder / "socket").stat().st_mode & 0o077 == 0


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has to look for a place that another user can reach")
def test_a_folder_that_the_servers_user_cannot_reach_is_not_opened_to_it(folder):
    hidden = folder / "hidden"
    hidden.mkdir(mode=0o700)
    with EmbeddedPostgres(hidden / "state") as server:
        assert not server.data.is_relative_to(hidden)
    shutil.rmtree(server.data.parent)
    assert hidden.stat().st_mode & 0o777 == 0o700


def test_a_long_path_gets_a_short_socket(folder):
    deep = folder / ("long-" * 20)
    with EmbeddedPostgres(deep) as server:
        assert len(server.dsn()) < 200


def test_a_broken_data_folder_is_told_with_the_end_of_the_log(folder):
    with EmbeddedPostgres(folder):
        pass
    (folder / "data" / "global" / "pg_control").unlink()

    with pytest.raises(EmbeddedPostgresError, match="pg_control"), EmbeddedPostgres(folder):
        pass
