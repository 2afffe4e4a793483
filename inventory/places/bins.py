"""Bins (库位): where in a store something lies."""

import re
from collections.abc import Sequence

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.ground.errors import Invalid, Refused, Unknown

LONGEST_CODE = 40
"""Longest code of a bin, in characters: it has to stand on a small label."""


SAFE_CODE = re.compile(r"\w[\w.-]*")
"""Letters of any script, digits, `_`, `.` and `-`: what stands in an address and on a label as it is."""


class BinCodeTaken(Refused, constraint="bin_code_is_unique_in_its_store"):
    """A bin with this code is already in that store."""

    zh = "该备件库已有同编码的库位。"
    help_en = "Use another code."
    help_zh = "请改用其他库位编码。"


class BinNotPrintable(Invalid):
    """“{code}” cannot be the code of a bin."""

    zh = "“{code}”不能用作库位编码。"
    help_en = "Use 1 to 40 letters, digits, “-”, “_” and “.”, beginning with a letter or digit, such as A-01-02."
    help_zh = "请使用 1 至 40 个字母、数字、“-”、“_”或“.”，以字母或数字开头，例如 A-01-02。"


class NewBin(Struct, frozen=True, kw_only=True):
    """A bin to enter."""

    place: str
    code: str


class BinView(Struct, frozen=True, kw_only=True):
    """A bin, and how many pieces lie in it."""

    depot: str
    code: str
    pieces: int


@db.atomic
async def enter_bins(bins: Sequence[NewBin], *, by: Actor) -> None:
    """Enter bins.

    Raises:
        BinCodeTaken: the store has a bin of that code.
        BinNotPrintable: a code is empty, too long, or has signs that no address or label carries.
        UnknownReference: no such store.
        NotYourDepot: the actor does not serve a store.

    """
    for new in bins:
        if len(new.code) > LONGEST_CODE or not SAFE_CODE.fullmatch(new.code):
            raise BinNotPrintable(code=new.code)
    for store in sorted({new.place for new in bins}):
        by.require_depot(store)
    await enter(
        """INSERT INTO bin (place, code)
           SELECT place.id, new.code
           FROM jsonb_to_recordset($1) AS new(place text, code text)
           JOIN place ON place.code = new.place AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
           RETURNING (SELECT place.code FROM place WHERE place.id = bin.place) || '/' || bin.code""",
        bins,
        lambda new: f"{new.place}/{new.code}",
        what="bin",
        what_zh="库位",
        by=by,
        right="bins.manage",
    )


async def find(place: int, code: str) -> int:
    """The id of a bin of a store.

    Raises:
        Unknown: the store has no such bin.

    """
    bin_id = await db.fetch_value("SELECT id FROM bin WHERE place = $1 AND code = $2", place, code)
    if bin_id is None:
        raise Unknown(what="bin", what_zh="库位", key=code)
    return bin_id


async def bins(
    *,
    limit: int,
    seen_by: Actor,
    depot: str | None = None,
    after: tuple[str, str] | None = None,
    codes: Sequence[str] | None = None,
) -> list[BinView]:
    """Bins in the reader's stores, by store and code; with `codes`, only those."""
    after_depot, after_code = after or (None, None)
    return await db.read(
        BinView,
        """SELECT place.code AS depot, bin.code,
                  ((SELECT count(*) FROM unit WHERE unit.bin = bin.id AND unit.place = bin.place)
                   + (SELECT coalesce(sum(quantity), 0) FROM lot_stock WHERE lot_stock.bin = bin.id))::int AS pieces
           FROM bin JOIN place ON place.id = bin.place
           WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text IS NULL OR place.code = $2)
             AND ($3::text IS NULL OR (place.code, bin.code) > ($3, $4))
             AND ($5::text[] IS NULL OR bin.code = ANY($5))
           ORDER BY place.code, bin.code LIMIT $6""",
        seen_by.depot_scope,
        depot,
        after_depot,
        after_code,
        None if codes is None else list(codes),
        limit,
    )
