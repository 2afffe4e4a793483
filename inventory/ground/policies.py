"""Policies: rules that people set. The one set last holds; earlier ones are kept, with who set them when and why."""

from datetime import datetime

from msgspec import Struct, convert

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor


class Version(Struct, frozen=True, kw_only=True):
    """Who set a policy and when; the built-in one has no version, and was set by nobody.

    Each kind of policy has a Struct of its own that adds the `policy`.
    """

    version: int | None = None
    set_at: datetime | None = None
    set_by: str | None = None
    remark: str = ""


class Policies[P: Struct, V: Version]:
    """The versions of one kind of policy, in a table that has a column for each of its fields."""

    def __init__(self, table: str, version: type[V], built_in: P, *, right: str) -> None:
        """Say where they are kept, what holds until somebody sets another, and the right that setting one takes."""
        self._table, self._version, self._built_in, self._right = table, version, built_in, right
        self._fields = built_in.__struct_fields__

    async def in_force(self) -> V:
        """The policy that holds now."""
        latest = await self.versions(limit=1)
        return latest[0] if latest else convert({"policy": self._built_in}, self._version)

    async def versions(self, *, limit: int, after: int | None = None) -> list[V]:
        """The policies that were ever set, the one that holds first."""
        rows = await db.fetch(
            f"""SELECT {", ".join(self._fields)}, id AS version, set_at, set_by, remark
                FROM {self._table} WHERE $1::int IS NULL OR id < $1 ORDER BY id DESC LIMIT $2""",
            after,
            limit,
        )
        kept = [{**row, "policy": {name: row[name] for name in self._fields}} for row in rows]
        return [convert(each, self._version) for each in kept]

    @db.atomic
    async def put_in_force(self, policy: P, *, by: Actor, remark: str = "") -> V:
        """Let another policy hold from now on; what was done by an earlier one stays as it is.

        Raises:
            NotGranted: the actor may not set it.

        """
        by.require(self._right)
        values = [*(getattr(policy, name) for name in self._fields), clock.now(), by.name, remark]
        await db.execute(
            f"""INSERT INTO {self._table} ({", ".join(self._fields)}, set_at, set_by, remark)
                VALUES ({", ".join(f"${number}" for number in range(1, len(values) + 1))})""",
            *values,
        )
        await audit.record(f"{self._table}.set", self._table, self._table, by=by, change=policy, reason=remark)
        return await self.in_force()
