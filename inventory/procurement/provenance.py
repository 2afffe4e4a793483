"""Provenance: how genuine a unit is by where it comes from, and what a contract asks for."""

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


async def vendor_grade(vendor: int, part: int, on: date) -> Provenance:
    """The grade of a part bought from a vendor on a day, by its letters."""
    grade = await db.fetch_value(
        f"SELECT {grade_on('$3::date')} FROM vendor, part WHERE vendor.id = $1 AND part.id = $2", vendor, part, on
    )
    return grade or "unproven"
