"""Entering master data: any number of rows in one statement, each found again by its natural key."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import msgspec

from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid

T = TypeVar("T")


class UnknownReference(Invalid):
    """{what} {key}: it names something that is not there."""

    zh = "{what_zh} {key}：引用了不存在的内容。"
    help_en = "Enter what it refers to first, and check the spelling of its codes."
    help_zh = "请先录入被引用的内容，并核对编码。"


async def enter[T](
    sql: str, rows: Sequence[T], key: Callable[[T], str], *, what: str, what_zh: str, by: Actor, right: str
) -> None:
    """Insert rows given as one JSON parameter ($1); `sql` returns each row's natural key as text.

    A row whose references do not resolve is dropped by the statement's joins, and so refused here.

    Raises:
        UnknownReference: a row names something that is not there; nothing is inserted.

    """
    by.require(right)
    if not rows:
        return
    entered = {row[0] for row in await db.fetch(sql, msgspec.json.encode(rows).decode())}
    missing = [key(row) for row in rows if key(row) not in entered]
    if missing:
        raise UnknownReference(what=what, what_zh=what_zh, key=missing[0], missing=missing[:20])
    subject = key(rows[0]) if len(rows) == 1 else f"{len(rows)} × {what}"
    entry = {"after": rows[0]} if len(rows) == 1 else None
    await audit.record(f"{what.replace(' ', '_')}.entered", what, subject, by=by, change=entry)
