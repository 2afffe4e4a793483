"""Kinds of master data: what a kind consists of. They are described, a room each, in the modules beside this one."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Literal

import msgspec
from msgspec import Struct

from inventory.ground.actor import Actor
from inventory.master_data.fields import Field

Group = Literal["places", "customers", "catalogue", "vendors"]

Values = Mapping[str, Any]
Enter = Callable[[Values, Actor], Awaitable[None]]


async def _nothing(_: str, __: Actor) -> None:
    """Nothing follows."""


class Kind(Struct, frozen=True, kw_only=True):
    """A kind of master data: its fields, the SQL that shows its rows, and the verb that enters one.

    `key` is what an address names a row by, `title` what people call it; both are SQL. `natural` are the fields that no two
    rows share. `depots` and `contracts` are SQL arrays of codes: a reader bound to some must have one of them; NULL is open.
    `site` is SQL too: one of the reader's stores must serve that site.
    """

    name: str
    group: Group
    en: str
    zh: str
    what: str
    what_zh: str
    read: str
    right: str = "parts.manage"
    table: str
    joins: str = ""
    where: str = "true"
    key: str
    title: str
    natural: tuple[str, ...]
    fields: tuple[Field, ...]
    depots: str = ""
    site: str = ""
    contracts: str = ""
    enter: Enter
    follow: Callable[[str, Actor], Awaitable[None]] = _nothing
    """What follows when a row was entered or changed, by its key."""
    cover: tuple[Literal["parts", "sites", "contracts", "places"], str] | None = None
    """Where the promise's cover rests on its rows: on what of them, and SQL for an array of its ids, for when a row is changed
    (the verbs that enter rows tell the meter themselves)."""
    belongs: Mapping[str, str] = {}
    """Which of its fields name a row of another kind, on whose page it is listed too."""

    def field(self, name: str) -> Field | None:
        """A field by its name."""
        return next((field for field in self.fields if field.name == name), None)

    def seen(self, by: Actor) -> list[Field]:
        """The fields that somebody may see."""
        return [field for field in self.fields if field.right is None or by.may(field.right)]


def by_verb(
    verb: Callable[..., Awaitable[None]], into: type, names: Mapping[str, str] | None = None, **always: Any
) -> Enter:
    """Enter one row by the verb that enters many; `names` are the verb's names for fields that are called otherwise here."""

    async def enter(values: Values, by: Actor) -> None:
        renamed = {(names or {}).get(name, name): value for name, value in values.items() if value is not None}
        rows: Sequence[Any] = [msgspec.convert({**renamed, **always}, into)]
        await verb(rows, by=by)

    return enter
