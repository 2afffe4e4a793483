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


def grade_of(kind: str, *, sells_own_make: bool, has_letter: bool) -> Provenance:
    """The grade of a part bought from a vendor of a kind.

    >>> grade_of("distributor", sells_own_make=False, has_letter=True)
    'authorised_channel'
    >>> grade_of("distributor", sells_own_make=False, has_letter=False)
    'unproven'
    """
    if kind == "maker" and sells_own_make:
        return "maker_direct"
    if has_letter:
        return "authorised_channel"
    if kind == "repairer":
        return "recovered"
    return "broker" if kind == "broker" else "unproven"


async def vendor_grade(vendor: int, part: int, on: date) -> Provenance:
    """The grade of a part bought from a vendor on a day, by its letters."""
    row = await db.fetch_one(
        f"""SELECT vendor.kind, part.maker = vendor.party AS sells_own_make,
                  EXISTS (SELECT FROM authorisation
                          WHERE authorisation.vendor = vendor.id AND {covers("$3::date")}) AS has_letter
           FROM vendor, part WHERE vendor.id = $1 AND part.id = $2""",
        vendor,
        part,
        on,
    )
    if row is None:
        return "unproven"
    return grade_of(row["kind"], sells_own_make=bool(row["sells_own_make"]), has_letter=row["has_letter"])
