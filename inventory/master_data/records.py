"""Records: listing, showing, entering and changing master data of every kind by its description."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec import Struct

from inventory.ground import audit, db, jobs
from inventory.ground.actor import Actor
from inventory.ground.errors import FieldProblem, NotYourDepot, Unknown
from inventory.master_data import catalogue, installed_base, places, procurement
from inventory.master_data.fields import SQL_TYPES, Field, Wrong
from inventory.master_data.kinds import Kind
from inventory.master_data.refusals import AlreadyThere, FieldsInvalid, Outdated, UnknownKind
from inventory.places.reach import reached

KINDS: dict[str, Kind] = {
    kind.name: kind
    for kind in (
        places.DEPOTS,
        places.LANES,
        places.COVERAGE,
        places.COMPANIES,
        places.SITES,
        installed_base.CONTRACTS,
        installed_base.SEVERITIES,
        installed_base.SERVICE_TERMS,
        installed_base.FORBIDDEN_PARTS,
        installed_base.DEVICES,
        installed_base.CALENDARS,
        installed_base.SERVICE_CLASSES,
        catalogue.PARTS,
        catalogue.ALIASES,
        catalogue.SUBSTITUTIONS,
        catalogue.MODELS,
        catalogue.MODEL_PARTS,
        catalogue.SWAP_UNITS,
        procurement.VENDORS,
        procurement.OFFERS,
        procurement.PRICE_BREAKS,
        procurement.RATES,
        procurement.AUTHORISATIONS,
        procurement.CLOSURES,
    )
}
"""Every kind, by its name in addresses."""


class Record(Struct, frozen=True, kw_only=True):
    """A row of master data; `version` changes with every change of it."""

    kind: str
    key: str
    title: str
    version: str
    values: dict[str, Any]


class Choice(Struct, frozen=True, kw_only=True):
    """A row that a field may name: what is written, and what it is called."""

    key: str
    name_zh: str
    name_en: str


class FieldView(Struct, frozen=True, kw_only=True):
    """A field of a kind, for whoever wants to build a form or a file."""

    name: str
    en: str
    zh: str
    shape: str
    required: bool
    fixed: bool
    later: bool
    refers: str
    choices: list[str]


class KindView(Struct, frozen=True, kw_only=True):
    """A kind of master data with its fields."""

    name: str
    en: str
    zh: str
    right: str
    fields: list[FieldView]


def kind_of(name: str) -> Kind:
    """A kind by its name.

    Raises:
        UnknownKind: no such kind.

    """
    if name not in KINDS:
        raise UnknownKind(key=name, kinds=", ".join(KINDS))
    return KINDS[name]


def kinds(*, seen_by: Actor) -> list[KindView]:
    """The kinds that somebody may see, with their fields."""
    return [
        KindView(
            name=kind.name,
            en=kind.en,
            zh=kind.zh,
            right=kind.right,
            fields=[
                FieldView(
                    name=field.name,
                    en=field.en,
                    zh=field.zh,
                    shape=field.shape,
                    required=field.required,
                    fixed=field.fixed,
                    later=field.later,
                    refers=field.refers,
                    choices=list(field.choices),
                )
                for field in kind.seen(seen_by)
            ],
        )
        for kind in KINDS.values()
        if seen_by.may(kind.read)
    ]


def _rows(kind: Kind) -> str:
    """The rows of a kind in a reader's scope ($1: depots, $2: contracts), with their ids, keys, titles and values."""
    shown = ", ".join(f"{field.sql} AS {field.name}" for field in kind.fields)
    in_depots = (
        f"($1::text[] IS NULL OR ({kind.depots})::text[] && $1)"
        if kind.depots
        else "$1::text[] IS NOT DISTINCT FROM $1"
    )
    in_contracts = (
        f"($2::text[] IS NULL OR ({kind.contracts}) IS NULL OR ({kind.contracts})::text[] && $2)"
        if kind.contracts
        else "$2::text[] IS NOT DISTINCT FROM $2"
    )
    at_site = reached(kind.site, "$1") if kind.site else "true"
    return f"""SELECT {kind.table}.id AS record_id, {kind.key} AS record_key, {kind.title} AS record_title, {shown}
               FROM {kind.table} {kind.joins} WHERE {kind.where} AND {in_depots} AND {at_site} AND {in_contracts}"""


def _record(kind: Kind, row: db.Row, seen_by: Actor) -> Record:
    values = {field.name: row[field.name] for field in kind.fields}
    digest = hashlib.sha256(msgspec.json.encode(values)).hexdigest()[:16]
    shown = {field.name: values[field.name] for field in kind.seen(seen_by)}
    return Record(kind=kind.name, key=row["record_key"], title=row["record_title"], version=digest, values=shown)


def _like(text: str | None) -> str | None:
    """A search text with LIKE's own signs taken literally."""
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") if text else None


async def records(
    kind: Kind,
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[str, int] | None = None,
    search: str | None = None,
    where: tuple[str, str] | None = None,
) -> list[tuple[int, Record]]:
    """Rows of a kind by title, with their ids for the cursor; `where` is a field and the key it must name.

    Raises:
        NotGranted: the reader may not see this kind.

    """
    seen_by.require(kind.read)
    texts = ", ".join(field.sql for field in kind.fields if field.shape in ("text", "choice"))
    named = kind.field(where[0]) if where else None
    same = f"{named.sql} = $6" if named else "$6::text IS NULL"
    rows = await db.fetch(
        f"""SELECT * FROM ({_rows(kind)}
              AND ($3::text IS NULL OR concat_ws(' ', {kind.title}, {texts}) ILIKE '%' || $3 || '%') AND {same}) AS record
            WHERE $4::text IS NULL OR (record_title, record_id) > ($4, $5::int)
            ORDER BY record_title, record_id LIMIT $7""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        _like(search),
        *(after or (None, None)),
        where[1] if named and where else None,
        limit,
    )
    return [(row["record_id"], _record(kind, row, seen_by)) for row in rows]


async def record(kind: Kind, key: str, *, seen_by: Actor) -> Record:
    """One row by its key.

    Raises:
        Unknown: no such row in the reader's scope.

    """
    seen_by.require(kind.read)
    return _record(kind, await _find(kind, key, seen_by), seen_by)


async def _find(kind: Kind, key: str, seen_by: Actor) -> db.Row:
    row = await db.fetch_one(f"{_rows(kind)} AND {kind.key} = $3", seen_by.depot_scope, seen_by.contract_scope, key)
    if row is None:
        raise Unknown(what=kind.what, what_zh=kind.what_zh, key=key)
    return row


async def choices(kind: Kind, *, seen_by: Actor) -> dict[str, list[Choice]]:
    """What the fields of a kind may name, by the kind they refer to; one question for each of those."""
    referred = sorted({field.refers for field in kind.seen(seen_by) if field.refers})
    return {name: await named(KINDS[name], seen_by=seen_by) for name in referred}


async def named(kind: Kind, *, seen_by: Actor, limit: int = 300) -> list[Choice]:
    """What the rows of a kind are called, by key; none where the reader may not see them."""
    if not seen_by.may(kind.read):
        return []
    zh, en = [kind.field(f"name_{language}") or kind.field("name") for language in ("zh", "en")]
    return await db.read(
        Choice,
        f"""SELECT record_key AS key, {zh.name if zh else "record_title"} AS name_zh,
                   {en.name if en else "record_title"} AS name_en
            FROM ({_rows(kind)}) AS record ORDER BY record_key LIMIT $3""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        limit,
    )


async def changes(kind: Kind, title: str, *, seen_by: Actor, limit: int = 50) -> list[audit.AuditView]:
    """What became of a row, latest first, without the fields that the reader may not see."""
    hidden = {field.name for field in kind.fields} - {field.name for field in kind.seen(seen_by)}
    entries = await audit.entries(limit=limit, subject=title, subject_kind=kind.what)
    return [_without(entry, hidden) for entry in entries] if hidden else entries


def _without(entry: audit.AuditView, hidden: set[str]) -> audit.AuditView:
    change = {
        when: {name: value for name, value in said.items() if name not in hidden} if isinstance(said, dict) else said
        for when, said in entry.change.items()
    }
    return msgspec.structs.replace(entry, change=change)


def _read(kind: Kind, said: Mapping[str, object], fields: list[Field]) -> dict[str, Any]:
    """What was said as typed values, a field each.

    Raises:
        FieldsInvalid: one is missing, of another form, or cannot be set.

    """
    known = {field.name: field for field in fields}
    problems = [
        (kind.field(name) or Field(name=name[:100], en=name[:100], zh=name[:100])).problem("not_a_field")
        for name in said
        if name not in known
    ]
    values: dict[str, Any] = {}
    for field in fields:
        try:
            values[field.name] = field.read(said.get(field.name))
        except Wrong as wrong:
            problems.append(field.problem(wrong.code))
    if problems:
        raise _invalid(kind, problems)
    return values


def _invalid(kind: Kind, problems: list[FieldProblem]) -> FieldsInvalid:
    def words(language: str) -> str:
        told: list[str] = []
        for problem in problems:
            field = kind.field(problem.pointer.removeprefix("/"))
            name = field.heading(language) if field else problem.pointer.removeprefix("/")
            told.append(f"{name}{'：' if language == 'zh' else ' '}{problem.zh if language == 'zh' else problem.en}")
        return ("；" if language == "zh" else "; ").join(told)

    return FieldsInvalid(fields=tuple(problems), problems=words("en"), problems_zh=words("zh"))


async def _check_references(kind: Kind, values: Mapping[str, Any]) -> None:
    """Refuse codes that stand for nothing.

    Raises:
        FieldsInvalid: a field names something that is not there.

    """
    named = [field for field in kind.fields if field.finds and values.get(field.name) is not None]
    if not named:
        return
    asked = ", ".join(f"{field.finds.format(f'${at}::text')}" for at, field in enumerate(named, 1))
    row = await db.fetch_one(f"SELECT {asked}", *(values[field.name] for field in named))
    missing = [field.problem("no_such") for at, field in enumerate(named) if row is None or row[at] is None]
    if missing:
        raise _invalid(kind, missing)


@db.atomic
async def enter(kind: Kind, said: Mapping[str, object], *, by: Actor) -> Record:
    """Enter a row of a kind, by the verb that enters such rows.

    Raises:
        FieldsInvalid: a field is missing, of another form, or names something that is not there.
        AlreadyThere: there is such a row.
        NotYourDepot: it would stand outside the actor's scope.
        NotGranted: the actor may not enter such rows.

    """
    by.require(kind.right)
    by.require(kind.read)
    values = _read(kind, said, [field for field in kind.seen(by) if not field.later])
    await _check_references(kind, values)
    own = [field for name in kind.natural if (field := kind.field(name))]
    natural = " AND ".join(f"{field.sql} = ${at}::{SQL_TYPES[field.shape]}" for at, field in enumerate(own, 3))
    found = f"{_rows(kind)} AND {natural}"
    named = [values[field.name] for field in own]
    if await db.fetch_one(found, None, None, *named) is not None:
        raise AlreadyThere(what=kind.what, what_zh=kind.what_zh, key=" / ".join(str(value) for value in named))
    await kind.enter(values, by)
    row = await db.fetch_one(found, by.depot_scope, by.contract_scope, *named)
    if row is None:
        raise NotYourDepot(name=by.name, depot=str(named[0]))
    await kind.follow(row["record_key"], by)
    return _record(kind, row, by)


@db.atomic
async def change(kind: Kind, key: str, said: Mapping[str, object], *, by: Actor, version: str | None = None) -> Record:
    """Set some fields of a row; what they were stays in the audit trail. With `version`, only if it still is the one.

    Raises:
        Unknown: no such row in the actor's scope.
        Outdated: somebody changed it since that version.
        FieldsInvalid: a field is of another form, stays as it was entered, or names something that is not there.
        NotGranted: the actor may not change such rows.

    """
    by.require(kind.right)
    by.require(kind.read)
    own = await db.fetch_value(
        f"SELECT {kind.table}.id FROM {kind.table} {kind.joins} WHERE {kind.where} AND {kind.key} = $1", key
    )
    await db.execute(f"SELECT FROM {kind.table} WHERE id = $1 FOR NO KEY UPDATE", own)
    before = await _find(kind, key, by)
    if version is not None and version != _record(kind, before, by).version:
        raise Outdated(what=kind.what, what_zh=kind.what_zh, key=before["record_title"])
    settable = [field for field in kind.seen(by) if not field.fixed and field.column]
    asked = [field for field in settable if field.name in said]
    values = _read(kind, said, asked)
    changed = [field for field in asked if values[field.name] != before[field.name]]
    if not changed:
        return _record(kind, before, by)
    await _check_references(kind, {field.name: values[field.name] for field in changed})
    covered = await _covered(kind, own)
    for place in {field.elsewhere for field in changed}:
        here = [field for field in changed if field.elsewhere == place]
        table, row_id = place or (kind.table, "{}")
        sets = ", ".join(f"{field.column} = {_setting(field, at)}" for at, field in enumerate(here, 2))
        await db.execute(
            f"UPDATE {table} SET {sets} WHERE id = {row_id.format('$1::int')}",
            own,
            *(values[field.name] for field in here),
        )
    await audit.record(
        f"{kind.what.replace(' ', '_')}.changed",
        kind.what,
        before["record_title"],
        by=by,
        change={
            "before": {field.name: before[field.name] for field in changed},
            "after": {field.name: values[field.name] for field in changed},
        },
    )
    await kind.follow(key, by)
    await _refresh_cover(kind, covered | await _covered(kind, own))
    after = await db.fetch_one(f"{_rows(kind)} AND {kind.table}.id = $3", by.depot_scope, by.contract_scope, own)
    if after is None:
        raise NotYourDepot(name=by.name, depot=before["record_title"])
    return _record(kind, after, by)


async def _covered(kind: Kind, record_id: int) -> set[int]:
    """The ids of what the promise's cover rests on through a row."""
    if kind.cover is None:
        return set()
    source = f"FROM {kind.table} {kind.joins} WHERE {kind.table}.id = $1"
    return set(await db.fetch_value(f"SELECT {kind.cover[1]} {source}", record_id) or ())


async def _refresh_cover(kind: Kind, ids: set[int]) -> None:
    """Judge anew what those cover; nothing named would mean everything."""
    if kind.cover is not None and ids:
        await jobs.enqueue(jobs.RefreshCover(**{kind.cover[0]: sorted(ids)}))


def _setting(field: Field, at: int) -> str:
    """What a column is set to, out of the parameter `at`."""
    value = f"${at}::{SQL_TYPES[field.shape]}"
    return field.finds.format(value) if field.finds else value
