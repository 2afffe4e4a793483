"""What is sent by a channel, and how that can end."""

from uuid import UUID

from msgspec import Struct


class NotSetUp(Exception):
    """The channel is not configured: the message stays on its reader's page."""


class NotTaken(Exception):
    """The other side will not take this message, however often it is sent."""


class NotReached(Exception):
    """It may work later."""


class Letter(Struct, frozen=True, kw_only=True):
    """A message in words, for one person: what it is about, its lines, and a link with what it does."""

    id: UUID
    name: str
    email: str | None
    phone: str | None
    title: str
    lines: list[str]
    link: str
    link_words: str
