"""Provenance: how genuine a unit is by where it comes from, and what a contract asks for."""

from collections.abc import Collection
from datetime import date

from inventory.catalogue.grades import Provenance
from inventory.ground import db
from inventory.ground.errors import Refused
from inventory.procurement.letters import covers


class ProvenanceTooLow(Refused):
    """{part_number} from {vendor} is {grade}; this stock needs {needed} or better."""

    zh = "{vendor} 供应的 {part_number} 来源等级为 {grade}，此库存要求 {needed} 或更高。"
    help_en = "Receive it into quarantine, or order from a maker or a vendor with a valid authorisation letter."
    help_zh = "请先入隔离区，或改向原厂或持有有效授权书的供应商采购。"


def grade_on(day: str) -> str:
    """The grade of a `part` bought from a `vendor`, on a day of its query: its maker, who has a letter for it, or neither.

    >>> "$2 BETWEEN" in grade_on("$2")
    True
    """
    return f"""CASE
        WHEN vendor.kind = 'maker' AND part.maker = vendor.party THEN 'maker_direct'
        WHEN EXISTS (SELECT FROM authorisation WHERE authorisation.vendor = vendor.id AND {covers(day)})
            THEN 'authorised_channel'
        WHEN vendor.kind = 'repairer' THEN 'recovered'
        WHEN vendor.kind = 'broker' THEN 'broker'
        ELSE 'unproven' END"""


async def grades(bought: Collection[tuple[int, int]], on: date) -> dict[tuple[int, int], Provenance]:
    """The grades of parts bought from vendors on a day, by the ids of vendor and part; one statement, however many."""
    rows = await db.fetch(
        f"""SELECT vendor.id AS vendor, part.id AS part, {grade_on("$3::date")} AS grade
            FROM unnest($1::int[], $2::int[]) AS bought(vendor, part)
            JOIN vendor ON vendor.id = bought.vendor
            JOIN part ON part.id = bought.part""",
        [vendor for vendor, _ in bought],
        [part for _, part in bought],
        on,
    )
    return {(row["vendor"], row["part"]): row["grade"] for row in rows}
