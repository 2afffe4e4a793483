"""Priority classes: who goes first when stock is short, as data."""

from msgspec import Struct

from inventory.ground import db
from inventory.ground.errors import Unknown


class PriorityClassView(Struct, frozen=True, kw_only=True):
    """A class of purposes; the higher rank gets the last piece, and one that may empties a depot below its own need."""

    code: str
    rank: int
    may_empty_depots: bool
    name_zh: str
    name_en: str


async def priority_classes(*, limit: int = 50) -> list[PriorityClassView]:
    """Every class, the most urgent first."""
    return await db.read(
        PriorityClassView,
        "SELECT code, rank, may_empty_depots, name_zh, name_en FROM priority_class ORDER BY rank DESC, code LIMIT $1",
        limit,
    )


async def rank_of(code: str) -> int:
    """How urgent a class is.

    Raises:
        Unknown: no such class.

    """
    rank = await db.fetch_value("SELECT rank FROM priority_class WHERE code = $1", code)
    if rank is None:
        raise Unknown(what="priority class", what_zh="优先级别", key=code)
    return rank


async def may_empty_depots(code: str) -> bool:
    """Whether purposes of a class may take what another depot needs itself."""
    return bool(await db.fetch_value("SELECT may_empty_depots FROM priority_class WHERE code = $1", code))
