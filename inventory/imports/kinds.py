"""Kinds of tables that can be imported: what a kind consists of. Each one stands in a module of its own."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.imports.columns import Column

KindName = Literal["parts", "devices", "vendors", "offers", "stock", "units", "rates"]


class Check(Struct, frozen=True, kw_only=True):
    """A mistake that one row can have: `when` is SQL over the row `r` and the actor's `scope` (depots, contracts)."""

    column: str
    code: str
    when: str
    facts: str = "'{}'::jsonb"


class Key(Struct, frozen=True, kw_only=True):
    """What may stand in a file only once: SQL over the row `r`; `column` is told of the repetition."""

    column: str
    parts: tuple[str, ...]
    where: str = "true"


class Piece(Struct, frozen=True, kw_only=True):
    """The lines to write now, out of the rows that are ready, and on whose behalf."""

    first: int
    last: int
    number: str
    file_name: str
    by: Actor


Write = Callable[[Piece], Awaitable[None]]


async def _nothing(_: Piece) -> None:
    """Nothing is left to do at the end."""


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of table: its columns, what they refer to, what can be wrong, and how its rows are written.

    `ready` reads the typed rows (`typed`, one column each) together with what they refer to: SQL columns and joins. A kind
    whose rows may be there already has the column `existing` among them, and tells in `changes` which SQL column of the
    joined tables each of its columns would replace.
    """

    name: KindName
    right: str
    en: str
    zh: str
    columns: tuple[Column, ...]
    found: str
    joins: str
    checks: tuple[Check, ...]
    keys: tuple[Key, ...]
    write: Write
    close: Write = _nothing
    changes: Mapping[str, str] = {}
    once_only: bool = False
    """Whether the same file would do harm if it were brought in twice."""

    @property
    def staged(self) -> str:
        """The temporary table of the file's cells."""
        return f"staged_{self.name}"

    @property
    def ready(self) -> str:
        """The temporary table of the rows as they are read."""
        return f"ready_{self.name}"

    def column(self, name: str | None) -> Column | None:
        """A column by its name."""
        return next((column for column in self.columns if column.name == name), None)


def by_sql(*statements: str) -> Write:
    """Write a piece by SQL statements that take its first and last line."""

    async def write(piece: Piece) -> None:
        for statement in statements:
            await db.execute(statement, piece.first, piece.last)

    return write
