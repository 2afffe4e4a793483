"""Settings: read from the environment once, at the start of a program."""

import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from msgspec import Struct

STATE = Path(".run")
"""Where a single machine keeps what must survive a restart; git ignores it."""


class SettingsError(RuntimeError):
    """A setting is missing or wrong; the message says which and what to set."""


class MailServer(Struct, frozen=True, kw_only=True):
    """The server that takes our mail; `tls` from the first byte, or `starttls` before anything is said."""

    host: str
    port: int
    sender: str
    encryption: Literal["tls", "starttls", "none"]
    username: str | None = None
    password: str | None = None


class Settings(Struct, frozen=True, kw_only=True):
    """What a process of the service needs to know.

    `secret` signs orders to vendors and guards forms; all machines of one service share it.
    """

    database_url: str
    secret: str
    owner_url: str | None = None
    host: str = "127.0.0.1"
    port: int = 8000
    state: Path = STATE
    pool_size: int = 8
    public_url: str | None = None
    secure_cookies: bool = False
    allow_private_vendors: bool = False
    vendor_seconds: float = 20.0
    log_format: str = "json"
    most_upload_mb: int = 32
    mail: MailServer | None = None
    wecom_robot: str | None = None
    dingtalk_robot: str | None = None
    dingtalk_secret: str | None = None

    @property
    def service_role(self) -> tuple[str, str | None] | None:
        """The service's role and password, where the tables belong to another; that one migrates."""
        service = urlsplit(self.database_url)
        if self.owner_url is None or not service.username:
            return None
        return unquote(service.username), unquote(service.password) if service.password else None

    @property
    def most_upload_bytes(self) -> int:
        """The largest file that is taken."""
        return self.most_upload_mb * 1_000_000

    @property
    def base_url(self) -> str:
        """The address under which people and vendors reach the service."""
        return self.public_url or f"http://{self.host}:{self.port}"


def read(
    environment: Mapping[str, str] = os.environ, *, database_url: str | None = None, owner_url: str | None = None
) -> Settings:
    """Read the settings.

    Raises:
        SettingsError: one is missing or has a wrong form.

    """
    state = Path(environment.get("BEIJIAN_STATE", str(STATE)))
    url = database_url or environment.get("DATABASE_URL") or _running_embedded(state)
    if not url:
        raise SettingsError("no database: set DATABASE_URL, or start the embedded one with `make run`")
    public_url = environment.get("BEIJIAN_URL")
    return Settings(
        database_url=url,
        secret=environment.get("BEIJIAN_SECRET") or _kept_secret(state),
        owner_url=owner_url or environment.get("DATABASE_OWNER_URL"),
        host=environment.get("HOST", "127.0.0.1"),
        port=read_port(environment),
        state=state,
        pool_size=_number(environment, "BEIJIAN_POOL_SIZE", 8, 2, 100),
        public_url=public_url,
        secure_cookies=(public_url or "").startswith("https://"),
        allow_private_vendors=environment.get("BEIJIAN_ALLOW_PRIVATE_VENDORS") == "1",
        vendor_seconds=_number(environment, "BEIJIAN_VENDOR_SECONDS", 20, 1, 45),
        most_upload_mb=_number(environment, "BEIJIAN_MOST_UPLOAD_MB", 32, 1, 500),
        log_format=environment.get("BEIJIAN_LOG", "json"),
        mail=_mail(environment),
        wecom_robot=_robot(environment, "BEIJIAN_WECOM_ROBOT"),
        dingtalk_robot=_robot(environment, "BEIJIAN_DINGTALK_ROBOT"),
        dingtalk_secret=environment.get("BEIJIAN_DINGTALK_SECRET") or None,
    )


_MAIL_SCHEMES: dict[str, tuple[Literal["tls", "starttls", "none"], int]] = {
    "smtps": ("tls", 465),
    "smtp": ("starttls", 587),
    "smtp+plain": ("none", 25),
}


def _mail(environment: Mapping[str, str]) -> MailServer | None:
    """The mail server, from an address that may hold its password; what is wrong with it is told without that."""
    url, sender = environment.get("BEIJIAN_SMTP"), environment.get("BEIJIAN_MAIL_FROM")
    if not url:
        return None
    try:
        parsed = urlsplit(url)
        port = parsed.port
    except ValueError:
        raise SettingsError("BEIJIAN_SMTP is no address; write it as smtps://user:password@host:465") from None
    if parsed.scheme not in _MAIL_SCHEMES or not parsed.hostname:
        raise SettingsError(f"BEIJIAN_SMTP must begin with one of {', '.join(_MAIL_SCHEMES)} and name a host")
    if not sender or "@" not in sender:
        raise SettingsError("BEIJIAN_MAIL_FROM must be the mail address that messages come from")
    encryption, usual_port = _MAIL_SCHEMES[parsed.scheme]
    return MailServer(
        host=parsed.hostname,
        port=port or usual_port,
        sender=sender,
        encryption=encryption,
        username=unquote(parsed.username) if parsed.username else None,
        password=unquote(parsed.password) if parsed.password else None,
    )


def _robot(environment: Mapping[str, str], name: str) -> str | None:
    """A robot's address; it holds a secret, so what is wrong with it is told without it."""
    url = environment.get(name) or None
    if url is not None and not url.startswith(("https://", "http://")):
        raise SettingsError(f"{name} must be the robot's https address")
    return url


def read_port(environment: Mapping[str, str]) -> int:
    """The port to serve at.

    Raises:
        SettingsError: PORT is no port number.

    """
    return _number(environment, "PORT", 8000, 1, 65535)


def _number(environment: Mapping[str, str], name: str, default: int, lowest: int, highest: int) -> int:
    text = environment.get(name, str(default))
    if not text.isascii() or not text.isdigit() or not lowest <= int(text) <= highest:
        raise SettingsError(f"{name} must be a whole number from {lowest} to {highest}, not “{text}”")
    return int(text)


def _running_embedded(state: Path) -> str | None:
    """The address that a running `make run` left for commands beside it."""
    note = state / "database.url"
    return note.read_text().strip() if note.exists() else None


def _kept_secret(state: Path) -> str:
    """This machine's own secret, made at first need; several machines set BEIJIAN_SECRET instead."""
    state.mkdir(parents=True, exist_ok=True)
    path = state / "secret"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return path.read_text().strip()
    with os.fdopen(descriptor, "w") as file:
        file.write(secrets.token_hex(32))
    return path.read_text().strip()
