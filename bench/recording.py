"""What the service sends to PostgreSQL for one operation, as a script that pgbench runs again and again.

The operation runs in this process, on connections that note every statement with its values and what came back. In the
script the values stand as they were, but for two kinds: the Idempotency-Key, which is another one in every run, and ids and
numbers that an earlier statement of the operation gave, which are taken from there (`\\gset`).
"""

import json
import re
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple, override
from uuid import UUID, uuid4

import httpx
import msgspec
from asyncpg import Connection

from bench.caller import ID, KEY, Operation
from inventory.ground import db

NUMBER = re.compile(r"([A-Z]{2,3}-\d\d-)(\d{6,})")
"""A document's number, which the service makes of the next value of a sequence."""


@dataclass
class Sent:
    """A statement, its values with their types, and the rows that came back."""

    sql: str
    values: Sequence[Any]
    types: Sequence[str]
    rows: Sequence[Any]


_sent: list[Sent] = []


class _Noting(Connection):
    """A connection that notes what is sent."""

    @override
    async def fetch(self, query: str, *args: Any, **kwargs: Any) -> Any:
        return await self._note(query, args, await super().fetch(query, *args, **kwargs))

    @override
    async def fetchrow(self, query: str, *args: Any, **kwargs: Any) -> Any:
        row = await super().fetchrow(query, *args, **kwargs)
        await self._note(query, args, [] if row is None else [row])
        return row

    @override
    async def fetchval(self, query: str, *args: Any, **kwargs: Any) -> Any:
        row = await self.fetchrow(query, *args)
        return None if row is None else row[0]

    @override
    async def execute(self, query: str, *args: Any, **kwargs: Any) -> str:
        status = await super().execute(query, *args, **kwargs)
        await self._note(query, args, [])
        return status

    @override
    async def executemany(self, command: str, args: Any, **kwargs: Any) -> None:
        await super().executemany(command, args, **kwargs)
        for values in args:
            await self._note(command, values, [])

    async def _note(self, sql: str, values: Sequence[Any], rows: Any) -> Any:
        types = [each.name for each in (await self.prepare(sql)).get_parameters()] if values else []
        _sent.append(Sent(sql, values, types, rows))
        return rows


@asynccontextmanager
async def noting(dsn: str) -> AsyncGenerator[list[Sent]]:
    """Hold connections to a database on which everything that is sent is noted."""
    db.point_at(dsn)
    db.engine.config["connection_class"] = _Noting
    # as db.connected does
    await db.engine.start_connection_pool(min_size=1, max_size=2, init=db._prepare, reset=db._leave_clean)  # noqa: SLF001
    try:
        yield _sent
    finally:
        await db.engine.close_connection_pool()


class Part(NamedTuple):
    """The part that a recorded operation is about; in the script any one of the same series stands for it."""

    series: str
    number: int
    id: int
    of: int
    every: int = 1

    def spread(self, value: object) -> str | None:
        """What stands for a value that means this part."""
        if value == f"{self.series}{self.number}":
            return f"({_quoted(self.series)} || :part::text)"
        return f"(:part + {self.id - self.number})" if value == self.id and not isinstance(value, bool) else None


async def pgbench_script(
    client: httpx.AsyncClient, operation: Operation, sent: list[Sent], part: Part | None = None
) -> str:
    """What an operation sends, for pgbench; done twice, so that nothing is in it that only a first time needs."""
    for _ in range(2):
        sent.clear()
        first = ""
        for method, path, key, body in operation:
            headers = {"Authorization": f"Bearer {key}", "Idempotency-Key": f"{KEY} {uuid4()}"}
            content = None if body is None else json.dumps(body).replace(KEY, f"{KEY} {uuid4()}")
            answer = await client.request(
                method,
                path.replace(ID, first),
                headers={"Content-Type": "application/json", **headers},
                content=content,
            )
            assert answer.is_success, answer.text
            first = first or answer.json().get("id", "")
    return _Writer(part).script(sent)


class _Writer:
    """Writes statements with their values."""

    def __init__(self, part: Part | None) -> None:
        self.part = part
        self.given: dict[object, str] = {}

    def script(self, sent: Sequence[Sent]) -> str:
        """All that was sent."""
        written = [self._statement(place, each) for place, each in enumerate(sent)]
        taken = set(re.findall(r":(s\d+_)", "\n".join(written)))
        lines = [f"{sql}\\gset s{place}_" if f"s{place}_" in taken else f"{sql};" for place, sql in enumerate(written)]
        part = []
        if self.part:
            last = (self.part.of - 1) // self.part.every
            part = [f"\\set part random(0, {last}) * {self.part.every} + 1"]
        return "\n".join([*part, "\\set call random(1, 1000000000000000)", *lines, ""])

    def _statement(self, place: int, each: Sent) -> str:
        parts = re.split(r"\$(\d+)", re.sub(r"--.*", "", each.sql))
        for at in range(1, len(parts), 2):
            number = int(parts[at]) - 1
            parts[at] = self._literal(each.values[number], each.types[number])
        if len(each.rows) == 1:
            for name, value in each.rows[0].items():
                if isinstance(value, UUID) or name == "nextval":
                    self.given.setdefault(value, f"s{place}_{name}")
        # whoever writes alone waits for his level
        return " ".join("".join(parts).replace("SKIP LOCKED", "").split()).rstrip(";")

    def _literal(self, value: Any, kind: str) -> str:
        """A value as SQL."""
        if value is None:
            return f"NULL::{kind}"
        if kind.endswith("[]"):
            return f"ARRAY[{', '.join(self._literal(each, kind[:-2]) for each in value)}]::{kind}"
        return f"{self._stand_in(value) or _plain(value, kind)}::{kind}"

    def _stand_in(self, value: object) -> str | None:
        """What stands for a value that is another one each time."""
        if isinstance(value, UUID) and value in self.given:
            return f":{self.given[value]}"
        if isinstance(value, str) and (number := NUMBER.fullmatch(value)) and int(number[2]) in self.given:
            return f"('{number[1]}' || :{self.given[int(number[2])]}::text)"
        if isinstance(value, str) and KEY in value:
            return f"({_quoted(value)} || :call::text)"
        return self.part.spread(value) if self.part else None


def _plain(value: object, kind: str) -> str:
    if kind in {"json", "jsonb"} and not isinstance(value, str):
        value = msgspec.json.encode(value).decode()
    if isinstance(value, bytes):
        return f"'\\x{value.hex()}'"
    return _quoted(value.isoformat() if isinstance(value, datetime) else str(value))


def _quoted(text: str) -> str:
    """A text in quotes; pgbench would take a colon and a name for a variable even there."""
    escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\072").replace("\n", "\\n")
    return f"E'{escaped}'"
