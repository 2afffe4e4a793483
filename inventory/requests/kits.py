"""Kits: which parts are worth taking along against a symptom, told by people and learned from debriefs."""

from collections.abc import Sequence

import msgspec
from msgspec import Struct

from inventory.ground import audit, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown

LEAST_DEBRIEFS = 3
"""Fewer requests with a symptom teach nothing yet."""

LEAST_SHARE = 0.3
"""A part used in at least this share of a symptom's requests is suggested."""


class KitPart(Struct, frozen=True, kw_only=True):
    """A part to take along; `used_in` of `debriefs` requests with the symptom and model needed it."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    listed: bool
    used_in: int
    debriefs: int


class SymptomView(Struct, frozen=True, kw_only=True):
    """What somebody sees."""

    code: str
    name_zh: str
    name_en: str


class NewKitLine(Struct, frozen=True, kw_only=True):
    """A part worth taking along for a symptom, for one model or for all."""

    symptom: str
    part: str
    quantity: int = 1
    model: str | None = None


async def kit(symptom: str, model: str) -> list[KitPart]:
    """What to take along against a symptom on a model: what the list names, and what debriefs have shown to be used.

    Raises:
        Unknown: no such symptom.

    """
    return (await kits([symptom], model))[symptom]


async def kits(symptoms: Sequence[str], model: str) -> dict[str, list[KitPart]]:
    """What to take along against each of some symptoms on a model; two statements, however many.

    Raises:
        Unknown: no such symptom.

    """
    if not symptoms:
        return {}
    rows = await db.fetch("SELECT code FROM symptom WHERE code = ANY($1)", list(symptoms))
    for symptom in symptoms:
        if symptom not in {row["code"] for row in rows}:
            raise Unknown(what="symptom", what_zh="故障现象", key=symptom)
    found: dict[str, list[KitPart]] = {symptom: [] for symptom in symptoms}
    for row in await db.fetch(_KITS, list(symptoms), model, LEAST_DEBRIEFS, LEAST_SHARE):
        found[row["symptom"]].append(msgspec.convert(dict(row), KitPart))
    return found


_KITS = """
WITH told AS (
    SELECT part_request.symptom, part_request.id, line.part, sum(line.quantity) AS quantity,
           bool_or(line.outcome = 'used') AS used
    FROM part_request
    JOIN device ON device.id = part_request.device
    JOIN device_model ON device_model.id = device.model AND device_model.code = $2
    JOIN request_line AS line ON line.request = part_request.id
    WHERE part_request.symptom = ANY($1) AND part_request.state = 'reconciled'
    GROUP BY part_request.symptom, part_request.id, line.part
), debriefed AS (
    SELECT symptom, count(DISTINCT id)::int AS debriefs FROM told GROUP BY symptom
), learned AS (
    SELECT symptom, part, count(*) FILTER (WHERE used)::int AS used_in,
           round(avg(quantity) FILTER (WHERE used))::int AS quantity
    FROM told GROUP BY symptom, part
), listed AS (
    SELECT symptom.code AS symptom, kit_line.part, max(kit_line.quantity) AS quantity FROM kit_line
    JOIN symptom ON symptom.id = kit_line.symptom AND symptom.code = ANY($1)
    LEFT JOIN device_model ON device_model.id = kit_line.model
    WHERE kit_line.model IS NULL OR device_model.code = $2
    GROUP BY symptom.code, kit_line.part
), ranked AS (
    SELECT symptom, part_number, part.name_zh, part.name_en,
           coalesce(listed.quantity, learned.quantity, 1) AS quantity, listed.part IS NOT NULL AS listed,
           coalesce(learned.used_in, 0) AS used_in, coalesce(debriefed.debriefs, 0) AS debriefs,
           row_number() OVER (PARTITION BY symptom ORDER BY coalesce(learned.used_in, 0) DESC, part_number) AS place
    FROM listed FULL JOIN learned USING (symptom, part)
    LEFT JOIN debriefed USING (symptom)
    JOIN part ON part.id = coalesce(listed.part, learned.part)
    WHERE listed.part IS NOT NULL
       OR (debriefed.debriefs >= $3 AND learned.used_in >= $4::float8 * debriefed.debriefs)
)
SELECT symptom, part_number, name_zh, name_en, quantity, listed, used_in, debriefs FROM ranked
WHERE place <= 20 ORDER BY symptom, place
"""


async def symptoms(*, limit: int = 200) -> list[SymptomView]:
    """Every symptom, by code."""
    return await db.read(SymptomView, "SELECT code, name_zh, name_en FROM symptom ORDER BY code LIMIT $1", limit)


@db.atomic
async def enter_symptoms(entered: Sequence[SymptomView], *, by: Actor) -> list[SymptomView]:
    """Enter symptoms; one that is there takes its new names."""
    by.require("parts.manage")
    await db.execute(
        """INSERT INTO symptom (code, name_zh, name_en)
           SELECT * FROM unnest($1::text[], $2::text[], $3::text[])
           ON CONFLICT (code) DO UPDATE SET name_zh = excluded.name_zh, name_en = excluded.name_en""",
        [each.code for each in entered],
        [each.name_zh for each in entered],
        [each.name_en for each in entered],
    )
    await audit.record("symptoms.entered", "symptom", ", ".join(each.code for each in entered)[:200], by=by)
    return await symptoms()


@db.atomic
async def list_in_kit(line: NewKitLine, *, by: Actor) -> list[KitPart]:
    """Name a part worth taking along; one that is named already takes the new quantity.

    Raises:
        Unknown: no such symptom, part or model.

    """
    by.require("parts.manage")
    row = await db.fetch_one(
        """SELECT (SELECT id FROM symptom WHERE code = $1) AS symptom, (SELECT id FROM part WHERE part_number = $2) AS part,
                  (SELECT id FROM device_model WHERE code = $3) AS model""",
        line.symptom,
        line.part,
        line.model,
    )
    for what, what_zh, key in (
        ("symptom", "故障现象", line.symptom),
        ("part", "备件", line.part),
        ("model", "机型", line.model),
    ):
        if row is None or (key is not None and row[what] is None):
            raise Unknown(what=what, what_zh=what_zh, key=key or "–")
    await db.execute(
        """INSERT INTO kit_line (symptom, model, part, quantity) VALUES ($1, $2, $3, $4)
           ON CONFLICT ON CONSTRAINT kit_line_is_named_once DO UPDATE SET quantity = excluded.quantity""",
        row and row["symptom"],
        row and row["model"],
        row and row["part"],
        line.quantity,
    )
    await audit.record("kit.listed", "symptom", line.symptom, by=by, change={"part": line.part, "model": line.model})
    return await kit(line.symptom, line.model or "")
