"""Filters of lists: one rule for all of them. What is named and not there is not found, instead of an empty list."""

from collections.abc import Mapping

from inventory.catalogue import parts
from inventory.catalogue.parts import UnknownPart
from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base import devices
from inventory.places.tables import STORE_KINDS


class UnknownFilter(Unknown):
    """There is no {what} “{key}” here."""

    help_en = "Nearest: {near}."
    help_zh = "相近的有：{near}。"


_CODES = {
    "depot": ("depot", "备件库", "SELECT code FROM place WHERE NOT $2 OR kind <> ALL($3) OR code = ANY($4)"),
    "pool": ("pool", "库存归属", "SELECT code FROM pool"),
    "contract": ("contract", "合同", "SELECT code FROM contract WHERE NOT $5 OR code = ANY($6)"),
    "model": ("model", "设备型号", "SELECT code FROM device_model"),
    "site": ("site", "现场", "SELECT code FROM place WHERE kind = 'site'"),
    "vendor": ("vendor", "供应商", "SELECT code FROM party WHERE is_vendor"),
}
"""What a filter's code must be among, in the reader's scope."""


async def require_known(asked: Mapping[str, str], *, seen_by: Actor) -> None:
    """Refuse a filter that names what is not there, or what the reader may not see.

    Raises:
        UnknownPart, UnknownDevice, UnknownFilter: the facts name the nearest ones.

    """
    if asked.get("part"):
        found = await parts.find(asked["part"])
        if found.part_number != asked["part"]:  # lists go by our own number
            raise UnknownPart(key=asked["part"], near=found.part_number)
    if asked.get("device"):
        await devices.find(asked["device"], seen_by=seen_by)
    for name, (what, what_zh, codes) in _CODES.items():
        if asked.get(name):
            await _require(asked[name], what, what_zh, codes, seen_by)


async def _require(code: str, what: str, what_zh: str, codes: str, seen_by: Actor) -> None:
    depots, contracts = seen_by.depot_scope, seen_by.contract_scope
    row = await db.fetch_one(
        f"""WITH scope AS (SELECT $2::bool, $3::text[], $4::text[], $5::bool, $6::text[]), known AS ({codes})
            SELECT EXISTS (SELECT FROM known WHERE code = $1) AS there,
                   (SELECT string_agg(code, ', ') FROM (
                        SELECT code FROM known WHERE similarity(code, $1) > 0.2
                        ORDER BY similarity(code, $1) DESC, code LIMIT 5) AS nearest) AS near""",
        code,
        depots is not None,
        list(STORE_KINDS),
        depots or [],
        contracts is not None,
        contracts or [],
    )
    if row is not None and not row["there"]:
        raise UnknownFilter(what=what, what_zh=what_zh, key=code, near=row["near"] or "–")
