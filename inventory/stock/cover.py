"""What a change of stock means for the promise meter: which changes have to be judged, and which do not."""

from collections.abc import Sequence

from inventory.catalogue.substitutes import stood_in_for
from inventory.ground import db
from inventory.ground.jobs import JudgeCover


def standing(free: int, critical_point: int | None, *, in_several: bool = False) -> tuple[int, int]:
    """What counts of a level's free stock: none, the last piece or more; and below, at or above the critical point.

    Where `in_several` pieces of the part may stand in for one of another, any piece may be the one that counts.

    >>> standing(9, 4) == standing(5, 4), standing(4, 4) == standing(5, 4), standing(1, None) == standing(2, None)
    (True, False, False)
    >>> standing(9, 4, in_several=True) == standing(8, 4, in_several=True)
    False
    """
    point = critical_point or 0
    return (free, point) if in_several else (min(free, 2), (free > point) - (free < point))


async def to_judge(spots: Sequence[tuple[int, int, int]]) -> list[JudgeCover]:
    """The jobs for some parts, places and pools: of parts that a device depends on, or that stand in for such a part."""
    if not spots:
        return []
    rows = await db.fetch(
        f"""SELECT asked.part FROM unnest($1::int[]) AS asked(part)
           WHERE EXISTS (
               SELECT FROM model_part
               WHERE critical AND model_part.part IN ({stood_in_for("ARRAY[asked.part]")}))""",
        sorted({part for part, _, _ in spots}),
    )
    watched = {row["part"] for row in rows}
    return [JudgeCover(*spot) for spot in dict.fromkeys(spots) if spot[0] in watched]
