"""`make run`: everything on one machine, started in order, watched, and stopped in the opposite order."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import click

from api import settings
from api.demo import credentials
from api.embedded import SERVICE, EmbeddedPostgres, EmbeddedPostgresError
from api.processes import end_with_parent
from api.settings import Settings, SettingsError
from inventory.ground import db
from inventory.migrate import MigrationError, make_role, migrate
from inventory.setup import is_empty

READY_WITHIN_SECONDS = 60
STOP_WITHIN_SECONDS = 15


@dataclass
class Child:
    """A process of the service, started again when it dies."""

    name: str
    arguments: list[str]
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    died_at: list[float] = field(default_factory=list)

    @property
    def running(self) -> bool:
        """Whether it was started and has not ended."""
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        """Start it as our child, in a group of its own: Ctrl-C reaches us, and we stop it in order."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "api.cli", *self.arguments],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            process_group=0,
            preexec_fn=end_with_parent,
        )

    def stop(self) -> None:
        """Ask it to finish, and wait."""
        if self.process is None or not self.running:
            return
        self.process.terminate()
        try:
            self.process.wait(STOP_WITHIN_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def bring_up() -> int:
    """Bring the service up, say how to reach it, and keep it up until told to stop."""
    try:
        with ExitStack() as stack:
            return _bring_up(stack)
    except (EmbeddedPostgresError, SettingsError, MigrationError) as wrong:
        click.echo(f"beijian: {wrong}", err=True)
        return 1


def _bring_up(stack: ExitStack) -> int:
    environment = os.environ
    port = settings.read_port(environment)
    _require_free(environment.get("HOST", "127.0.0.1"), port)
    state = Path(environment.get("BEIJIAN_STATE", str(settings.STATE)))
    embedded = "DATABASE_URL" not in environment
    server = stack.enter_context(EmbeddedPostgres(state / "postgres")) if embedded else None
    url = server.dsn(role=SERVICE) if server else environment["DATABASE_URL"]
    configured = settings.read(environment, database_url=url, owner_url=server.dsn() if server else None)
    if credentials.loading_was_interrupted(configured):
        _begin_again(configured, server)
    asyncio.run(bring_up_to_date(configured))
    if server:
        _leave_address(stack, state, url)
    stop = _stop_signal()
    if (embedded or environment.get("DEMO") == "1") and asyncio.run(_nobody_began(url)):
        _load_demo(configured, stop)
    if stop:
        return 0
    with_demo = bool(credentials.read(configured))
    api, *others = children = _children(configured, with_demo=with_demo)
    for child in reversed(children):
        stack.callback(child.stop)
    # the first answer comes sooner when nothing else starts beside the API
    api.start()
    if not _wait_until_ready(configured, api):
        click.echo("beijian: the service did not become ready; see the messages above", err=True)
        return 1
    for child in others:
        child.start()
    _greet(configured, with_demo=with_demo)
    _watch(children, stop)
    click.echo("beijian: stopping")
    return 0


async def bring_up_to_date(configured: Settings) -> None:
    """Run the migrations as the tables' owner; a service with a role of its own gets it, with what it needs.

    Raises:
        MigrationError: a migration failed.

    """
    owner, service = configured.owner_url or configured.database_url, configured.service_role
    if service is not None:
        await make_role(owner, *service)
    await migrate(owner, service=service[0] if service else None)


def _require_free(host: str, port: int) -> None:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SettingsError(f"cannot serve at {host}:{port} ({error.strerror}): set PORT to another one") from None


def _begin_again(configured: Settings, server: EmbeddedPostgres | None) -> None:
    """Start over with a demo company that was being loaded when the last run ended."""
    if server is None:
        raise SettingsError(
            "the demo company is in this database only in part: drop the database and create it again, "
            f"and remove {configured.state / 'demo.json'}"
        )
    click.echo("  the last loading of the demo company was interrupted: beginning again")
    server.remake_database()


def _leave_address(stack: ExitStack, state: Path, url: str) -> None:
    """Leave the embedded database's address for commands beside us."""
    note = state / "database.url"
    note.write_text(url)
    note.chmod(0o600)
    stack.callback(note.unlink, missing_ok=True)


async def _nobody_began(url: str) -> bool:
    async with db.connected(url, pool_size=1):
        return await is_empty()


def _load_demo(configured: Settings, stop: list[int]) -> None:
    """Load the demo company, in a process of its own: the supervisor stays small and quick to start."""
    loader = Child("loading of the demo company", ["demo", "load"], _environment(configured))
    loader.start()
    while loader.running and not stop:
        time.sleep(0.1)
    loader.stop()
    if not stop and not credentials.read(configured):
        raise SettingsError("the demo company could not be loaded; see the messages above")


def _environment(configured: Settings) -> dict[str, str]:
    return {
        **os.environ,
        "DATABASE_URL": configured.database_url,
        "BEIJIAN_SECRET": configured.secret,
        "PORT": str(configured.port),
        "HOST": configured.host,
    }


def _children(configured: Settings, *, with_demo: bool) -> list[Child]:
    environment = _environment(configured) | ({"BEIJIAN_ALLOW_PRIVATE_VENDORS": "1"} if with_demo else {})
    children = [Child("api", ["serve"], environment), Child("worker", ["work"], environment)]
    if with_demo:
        port = str(credentials.vendor_port(configured))
        children.append(Child("demo vendor", ["demo", "vendor", "--port", port], environment))
    return children


def _stop_signal() -> list[int]:
    """Where the signal that stops us is noted."""
    seen: list[int] = []
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: seen.append(number))
    return seen


def _wait_until_ready(configured: Settings, api: Child) -> bool:
    deadline = time.monotonic() + READY_WITHIN_SECONDS
    while api.running and time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(f"http://{configured.host}:{configured.port}/ready", timeout=2) as answer:
                if answer.status == 200:
                    return True
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    return False


def _greet(configured: Settings, *, with_demo: bool) -> None:
    click.echo(f"\n  Beijian 备件   {configured.base_url}\n  API            {configured.base_url}/docs\n")
    if with_demo:
        click.echo(credentials.greeting(configured))
    else:
        click.echo("  No demo company here; `beijian init` makes the first administrator of an empty database.\n")


def _watch(children: list[Child], stop: list[int]) -> None:
    """Wait for the signal to stop; start a child that dies again, more patiently each time it dies soon."""
    while not stop:
        for child in children:
            if child.process is None or child.process.poll() is None:
                continue
            now = time.monotonic()
            recent = [at for at in child.died_at if now - at < 60]
            if recent and now - recent[-1] < min(2 ** len(recent), 30):
                continue
            click.echo(f"beijian: the {child.name} ended ({child.process.returncode}); starting it again", err=True)
            child.died_at = [*recent, now]
            child.start()
        time.sleep(0.2)
