"""Entering parts, models, parts lists, substitutes and failure rates."""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from typing import Literal

from msgspec import Struct

from inventory.ground import db, jobs
from inventory.ground.actor import Actor
from inventory.ground.entering import enter
from inventory.ground.errors import Invalid, Refused


class PartNumberTaken(Refused, constraint="part_part_number_key"):
    """A part with this number is already there."""

    zh = "该备件编号已存在。"
    help_en = "Use the part that is there, or another number."
    help_zh = "请使用已有备件，或改用其他编号。"


class AliasTaken(Refused, constraint="part_alias_number_key"):
    """This alias number already means a part."""

    zh = "该别名编号已被使用。"
    help_en = "Look up the part that carries it, or use another number."
    help_zh = "请查询使用该编号的备件，或改用其他编号。"


class ModelTaken(Refused, constraint="device_model_code_key"):
    """A device model with this code is already there."""

    zh = "该机型编码已存在。"
    help_en = "Use another code, or change the model that is there."
    help_zh = "请改用其他编号，或修改已有机型。"


class SwapUnitWithoutSerial(Invalid):
    """{part_number} is not kept by serial, so no piece of it can stand in for a device."""

    zh = "{part_number} 不按序列号管理，不能作为整机备机。"
    help_en = "Name a part that is kept by serial; enter the whole unit as one if it is not there yet."
    help_zh = "请选择按序列号管理的备件；如尚未录入整机，请先按序列号管理录入。"


class NewPart(Struct, frozen=True, kw_only=True):
    """A part to enter."""

    part_number: str
    name_zh: str
    name_en: str
    kind: str
    unit_cost_cny: Decimal
    holding_rate_per_year: float
    maker: str | None = None
    serialised: bool = True
    lithium: bool = False
    cost_source: str = ""


class NewAlias(Struct, frozen=True, kw_only=True):
    """Another number of a part."""

    part: str
    number: str
    kind: Literal["fru", "option", "bom", "maker"]


class NewModel(Struct, frozen=True, kw_only=True):
    """A device model to enter."""

    code: str
    name: str
    maker: str | None = None


class NewModelPart(Struct, frozen=True, kw_only=True):
    """A line of a model's parts list."""

    model: str
    part: str
    per_device: int
    critical: bool = False


class NewSwapUnit(Struct, frozen=True, kw_only=True):
    """A part that is a whole unit of equal function to a device of a model."""

    model: str
    part: str


class NewSubstitution(Struct, frozen=True, kw_only=True):
    """`substitute` may stand in for `part`: `pieces` of it for each, in one model or in all, from a firmware level on."""

    part: str
    substitute: str
    valid_from: date
    kind: Literal["substitute", "supersession"] = "substitute"
    pieces: int = 1
    model: str | None = None
    min_firmware: str | None = None
    valid_to: date | None = None
    remark: str = ""


class NewFailureRate(Struct, frozen=True, kw_only=True):
    """A part's failure rate with its evidence: Gamma(shape, exposure in device-years)."""

    part: str
    valid_from: date
    annual_rate: float
    shape: float
    exposure_device_years: float
    failures: int
    device_years: float
    source: Literal["assumed", "field_record", "history"]
    evidence: str = ""


@db.atomic
async def enter_parts(parts: Sequence[NewPart], *, by: Actor) -> None:
    """Enter parts.

    Raises:
        PartNumberTaken: a number is in use.
        UnknownReference: a part names a maker that is not there.

    """
    await enter(
        """INSERT INTO part (part_number, name_zh, name_en, kind, maker, serialised, lithium, unit_cost_cny,
                             holding_rate_per_year, cost_source)
           SELECT part_number, new.name_zh, new.name_en, new.kind, party.id, serialised, lithium, unit_cost_cny,
                  holding_rate_per_year, cost_source
           FROM jsonb_to_recordset($1) AS new(part_number text, name_zh text, name_en text, kind text, maker text,
                serialised boolean, lithium boolean, unit_cost_cny numeric, holding_rate_per_year float8,
                cost_source text)
           LEFT JOIN party ON party.code = new.maker
           WHERE new.maker IS NULL OR party.is_maker
           RETURNING part_number""",
        parts,
        lambda part: part.part_number,
        what="part",
        what_zh="备件",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_aliases(aliases: Sequence[NewAlias], *, by: Actor) -> None:
    """Enter other numbers of parts.

    Raises:
        AliasTaken: a number already means a part.
        UnknownReference: no such part.

    """
    await enter(
        """INSERT INTO part_alias (part, number, kind)
           SELECT part.id, number, new.kind
           FROM jsonb_to_recordset($1) AS new(part text, number text, kind text)
           JOIN part ON part.part_number = new.part
           RETURNING number""",
        aliases,
        lambda alias: alias.number,
        what="alias",
        what_zh="别名编号",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_models(models: Sequence[NewModel], *, by: Actor) -> None:
    """Enter device models.

    Raises:
        ModelTaken: a code is in use.
        UnknownReference: a model names a maker that is not there.

    """
    await enter(
        """INSERT INTO device_model (code, name, maker)
           SELECT new.code, name, party.id
           FROM jsonb_to_recordset($1) AS new(code text, name text, maker text)
           LEFT JOIN party ON party.code = new.maker
           WHERE new.maker IS NULL OR party.is_maker
           RETURNING code""",
        models,
        lambda model: model.code,
        what="device model",
        what_zh="机型",
        by=by,
        right="parts.manage",
    )


@db.atomic
async def enter_model_parts(lines: Sequence[NewModelPart], *, by: Actor) -> None:
    """Enter lines of models' parts lists; a line entered again takes the new count.

    Raises:
        UnknownReference: no such model or part.

    """
    await enter(
        """INSERT INTO model_part (model, part, per_device, critical)
           SELECT device_model.id, part.id, per_device, critical
           FROM jsonb_to_recordset($1) AS new(model text, part text, per_device integer, critical boolean)
           JOIN device_model ON device_model.code = new.model
           JOIN part ON part.part_number = new.part
           ON CONFLICT (model, part) DO UPDATE SET per_device = excluded.per_device, critical = excluded.critical
           RETURNING (SELECT code FROM device_model WHERE device_model.id = model_part.model) || ' / ' ||
                     (SELECT part_number FROM part WHERE part.id = model_part.part)""",
        lines,
        lambda line: f"{line.model} / {line.part}",
        what="parts list line",
        what_zh="机型清单行",
        by=by,
        right="parts.manage",
    )
    await _refresh_cover({line.part for line in lines})


@db.atomic
async def enter_swap_units(units: Sequence[NewSwapUnit], *, by: Actor) -> None:
    """Enter which part may replace a whole device of which model.

    Raises:
        AlreadyThere: the part is the model's swap unit already.
        UnknownReference: no such model or part.
        SwapUnitWithoutSerial: a part is not kept by serial.

    """
    by.require("parts.manage")
    asked = {unit.part for unit in units}
    loose = await db.fetch_value(
        "SELECT min(part_number) FROM part WHERE part_number = ANY($1) AND NOT serialised", sorted(asked)
    )
    if loose is not None:
        raise SwapUnitWithoutSerial(part_number=loose)
    await enter(
        """INSERT INTO swap_unit (model, part)
           SELECT device_model.id, part.id
           FROM jsonb_to_recordset($1) AS new(model text, part text)
           JOIN device_model ON device_model.code = new.model
           JOIN part ON part.part_number = new.part
           RETURNING (SELECT code FROM device_model WHERE device_model.id = swap_unit.model) || ' / ' ||
                     (SELECT part_number FROM part WHERE part.id = swap_unit.part)""",
        units,
        lambda unit: f"{unit.model} / {unit.part}",
        what="swap unit",
        what_zh="整机备机",
        by=by,
        right="parts.manage",
    )
    await _refresh_cover({unit.part for unit in units})


@db.atomic
async def enter_substitutions(substitutions: Sequence[NewSubstitution], *, by: Actor) -> None:
    """Enter which part may stand in for which.

    Raises:
        UnknownReference: no such part.

    """
    await enter(
        """INSERT INTO substitution (part, substitute, kind, pieces, model, min_firmware, valid_from, valid_to, remark)
           SELECT part.id, other.id, new.kind, pieces, device_model.id, min_firmware, valid_from, valid_to, remark
           FROM jsonb_to_recordset($1) AS new(part text, substitute text, kind text, pieces integer, model text,
                min_firmware text, valid_from date, valid_to date, remark text)
           JOIN part ON part.part_number = new.part
           JOIN part AS other ON other.part_number = new.substitute
           LEFT JOIN device_model ON device_model.code = new.model
           WHERE new.model IS NULL OR device_model.id IS NOT NULL
           RETURNING (SELECT part_number FROM part WHERE part.id = substitution.part) || ' ← ' ||
                     (SELECT part_number FROM part WHERE part.id = substitution.substitute)""",
        substitutions,
        lambda row: f"{row.part} ← {row.substitute}",
        what="substitution",
        what_zh="替代关系",
        by=by,
        right="parts.manage",
    )
    await _refresh_cover({row.part for row in substitutions})


async def _refresh_cover(part_numbers: set[str]) -> None:
    """Have the cover of devices that depend on some parts judged anew."""
    rows = await db.fetch("SELECT id FROM part WHERE part_number = ANY($1) ORDER BY id", list(part_numbers))
    if rows:
        await jobs.enqueue(jobs.RefreshCover(parts=[row["id"] for row in rows]))


@db.atomic
async def enter_failure_rates(rates: Sequence[NewFailureRate], *, by: Actor) -> None:
    """Enter failure rates; the newest one of a part holds, of those valid from the same day the one entered last.

    What is entered again is entered last: a learning reckons with the record of its day, and so holds over it.

    Raises:
        UnknownReference: no such part.

    """
    await enter(
        """INSERT INTO failure_rate (part, valid_from, annual_rate, shape, exposure_device_years, failures,
                                     device_years, source, evidence)
           SELECT part.id, valid_from, annual_rate, shape, exposure_device_years, failures, device_years, source,
                  evidence
           FROM jsonb_to_recordset($1) AS new(part text, valid_from date, annual_rate float8, shape float8,
                exposure_device_years float8, failures integer, device_years float8, source text, evidence text)
           JOIN part ON part.part_number = new.part
           ON CONFLICT (part, valid_from, source) DO UPDATE SET
               id = excluded.id, annual_rate = excluded.annual_rate, shape = excluded.shape,
               exposure_device_years = excluded.exposure_device_years, failures = excluded.failures,
               device_years = excluded.device_years, evidence = excluded.evidence
           RETURNING (SELECT part_number FROM part WHERE part.id = failure_rate.part)""",
        rates,
        lambda rate: rate.part,
        what="failure rate",
        what_zh="年故障率",
        by=by,
        right="parts.manage",
    )
