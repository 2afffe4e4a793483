"""Questions to the meter: how a device, a contract, a site, a store or everything stands now.

What is kept does not depend on the hour; which limit holds now is looked up in the calendars when somebody asks.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

from msgspec import Struct, structs

from inventory.assurance.meter.fixing import Fix, Wanted, fixes
from inventory.assurance.meter.gathering import facts_of, hours_now
from inventory.assurance.meter.judging import STATES, State, worst
from inventory.catalogue.substitutes import Fit
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.installed_base import devices
from inventory.installed_base.clocks import Hours
from inventory.installed_base.devices import UnknownDevice
from inventory.installed_base.severities import words
from inventory.stock.serving import ANSWERS

Kind = Literal["contract", "site", "depot"]


class Counts(Struct, frozen=True, kw_only=True):
    """Devices by how their promise stands."""

    no: int = 0
    at_risk: int = 0
    yes: int = 0
    not_judged: int = 0

    @property
    def state(self) -> State:
        """The worst state there is."""
        return worst([state for state in STATES if getattr(self, state)])

    @property
    def total(self) -> int:
        """All of them."""
        return self.no + self.at_risk + self.yes + self.not_judged


class PartCover(Struct, frozen=True, kw_only=True):
    """Whether a part can come in time to the devices of a contract at a site that depend on it.

    `free` is what is free at the source; it is not told to those who see neither that store nor ask for parts.
    `next_arrives_at` is when the next best way would bring a piece, if that is in time too.
    """

    contract: str
    site: str
    part_number: str
    name_zh: str
    name_en: str
    state: State
    reasons: list[str]
    devices: int
    calendar_hours: Hours
    severity: str | None
    severity_zh: str | None
    severity_en: str | None
    limit_hours: float | None
    depot: str | None
    pool: str | None
    source_depot: str | None
    source_part_number: str | None
    free: int | None
    arrives_at: datetime | None
    next_arrives_at: datetime | None
    fixes: list[Fix] = []


class Tally(Struct, frozen=True, kw_only=True):
    """A contract, site or store with its devices by state."""

    code: str
    name_zh: str
    name_en: str
    state: State
    devices: Counts


class Board(Struct, frozen=True, kw_only=True):
    """Everything in the reader's scope, contract by contract, the worst first."""

    at: datetime
    state: State
    devices: Counts
    contracts: list[Tally]


class Coverage(Struct, frozen=True, kw_only=True):
    """How a contract, a site or a store stands: its devices by state, what it consists of, and its critical parts."""

    kind: Kind
    code: str
    name_zh: str
    name_en: str
    at: datetime
    state: State
    devices: Counts
    consists_of: list[Tally]
    parts: list[PartCover]


class DeviceCover(Struct, frozen=True, kw_only=True):
    """How a device stands; `covered` says whether its contract runs today."""

    serial: str
    model: str
    site: str
    contract: str
    covered: bool
    at: datetime
    state: State
    reasons: list[str]
    parts: list[PartCover]


class DeviceState(Struct, frozen=True, kw_only=True):
    """A device in a list, and which of its parts stand worst."""

    serial: str
    model: str
    site: str
    contract: str
    state: State
    weak_parts: list[str]


class Filter(Struct, frozen=True, kw_only=True):
    """What to look at; the depot is the store that serves."""

    contract: str | None = None
    site: str | None = None
    depot: str | None = None
    part_number: str | None = None


_RANK = f"array_position(ARRAY{list(STATES)}::text[], judgement ->> 'state')"

_JUDGED = """
judged AS (
    SELECT cell.site, cell.contract, cell.part, cell.serving, now.hours,
           CASE now.hours WHEN 'working' THEN cell.working ELSE cell.non_working END AS judgement
    FROM cover_cell AS cell
    JOIN running ON running.id = cell.contract
    JOIN unnest($1::int[], $2::text[]) AS now(calendar, hours) ON now.calendar = running.calendar
    JOIN place AS site ON site.id = cell.site
    JOIN part ON part.id = cell.part
    LEFT JOIN place AS store ON store.id = cell.serving
    WHERE ($5::text[] IS NULL OR store.code = ANY($5))
      AND ($7::text IS NULL OR site.code = $7) AND ($8::text IS NULL OR store.code = $8)
      AND ($9::text IS NULL OR part.part_number = $9)
)"""

_RUNNING = """
running AS (  -- the contracts the reader may see that run today
    SELECT id, code, calendar FROM contract
    WHERE starts_on <= $3 AND (ends_on IS NULL OR ends_on >= $3)
      AND ($4::text[] IS NULL OR code = ANY($4)) AND ($6::text IS NULL OR code = $6)
)"""

_VIEW = f"""
SELECT contract.code AS contract, site.code AS site, part.part_number, part.name_zh, part.name_en,
       judgement ->> 'state' AS state, judgement -> 'reasons' AS reasons, judged.hours AS calendar_hours,
       judgement ->> 'severity' AS severity, {words("judgement ->> 'severity'", "contract.id")},
       (judgement ->> 'limit_hours')::float8 AS limit_hours,
       store.code AS depot, pool.code AS pool, giving.code AS source_depot, given.part_number AS source_part_number,
       CASE WHEN {{told}} THEN level.free END AS free,
       {{now}}::timestamptz + make_interval(secs => 3600 * (judgement -> 'source' ->> 'hours')::float8) AS arrives_at,
       {{now}}::timestamptz + make_interval(secs => 3600 * (judgement ->> 'next_hours')::float8) AS next_arrives_at,
       (SELECT count(*) FROM device
        JOIN model_part ON model_part.model = device.model AND model_part.part = judged.part AND model_part.critical
        WHERE device.site = judged.site AND device.contract = judged.contract AND retired_on IS NULL)::int AS devices
FROM judged
JOIN contract ON contract.id = judged.contract
JOIN place AS site ON site.id = judged.site
JOIN part ON part.id = judged.part
LEFT JOIN pool ON {ANSWERS}
LEFT JOIN place AS store ON store.id = judged.serving
LEFT JOIN place AS giving ON giving.id = (judgement -> 'source' ->> 'place')::int
LEFT JOIN part AS given ON given.id = (judgement -> 'source' ->> 'part')::int
LEFT JOIN level ON level.part = given.id AND level.place = giving.id AND level.pool = pool.id
     AND level.condition = 'good' AND level.owner = (SELECT id FROM party WHERE is_ourselves)
"""


async def _asked(asked: Filter, seen_by: Actor) -> tuple[object, ...]:
    """The parameters of what is judged now: $1 to $9."""
    hours = await hours_now()
    return (
        list(hours),
        list(hours.values()),
        clock.today(),
        seen_by.contract_scope,
        seen_by.depot_scope,
        asked.contract,
        asked.site,
        asked.depot,
        asked.part_number,
    )


Place = tuple[int, str, str, str]
"""Where in the list of parts: the state's rank, contract, site, part number."""


def place_of(cover: PartCover) -> Place:
    """Where a line stands in the list, for the next page to go on behind it."""
    return STATES.index(cover.state) + 1, cover.contract, cover.site, cover.part_number


async def parts(
    asked: Filter, *, limit: int, seen_by: Actor, state: State | None = None, after: Place | None = None
) -> list[PartCover]:
    """Critical parts by contract and site in the reader's scope, the worst first, with what would mend it."""
    seen_by.require("devices.read")
    found = await db.read(
        PartCover,
        f"""WITH {_RUNNING}, {_JUDGED}
            {_VIEW.format(told="($10::boolean OR $5::text[] IS NULL OR giving.code = ANY($5))", now="$11")}
            WHERE ($12::text IS NULL OR judgement ->> 'state' = $12)
              AND ($13::int IS NULL OR ({_RANK}, contract.code, site.code, part.part_number) > ($13, $14, $15, $16))
            ORDER BY {_RANK}, contract.code, site.code, part.part_number LIMIT $17""",
        *await _asked(asked, seen_by),
        seen_by.may("parts.request"),
        clock.now(),
        state,
        *(after or (None, None, None, None)),
        limit,
    )
    return await _mended(found, seen_by)


async def _mended(found: Sequence[PartCover], seen_by: Actor) -> list[PartCover]:
    """The same with what would mend those that do not stand well."""

    def wanted(each: PartCover) -> Wanted | None:
        """What is wanted at the serving store; nothing where it stands well, or where no stock there would help."""
        mendable = each.state in ("no", "at_risk") and not {"too_far", "forbidden_by_contract"} & set(each.reasons)
        return (each.part_number, each.depot, each.pool) if mendable and each.depot and each.pool else None

    mends = await fixes({key for each in found if (key := wanted(each))}, seen_by=seen_by)
    return [structs.replace(each, fixes=mends.get(key, [])) if (key := wanted(each)) else each for each in found]


_DEVICES = f"""
WITH {_RUNNING}, {_JUDGED},
fleet AS (  -- devices of one model at one site under one contract stand alike
    SELECT device.site, device.contract, device.model, count(*)::int AS devices
    FROM device
    JOIN running ON running.id = device.contract
    JOIN place AS site ON site.id = device.site
    WHERE retired_on IS NULL AND ($7::text IS NULL OR site.code = $7)
    GROUP BY 1, 2, 3
),
standing AS (
    SELECT fleet.*, min({_RANK}) AS rank, min(judged.serving) AS serving
    FROM fleet
    LEFT JOIN (model_part JOIN judged ON judged.part = model_part.part AND model_part.critical)
         ON model_part.model = fleet.model AND judged.site = fleet.site AND judged.contract = fleet.contract
    GROUP BY fleet.site, fleet.contract, fleet.model, fleet.devices
    -- what depends on nothing belongs to no store and no part
    HAVING count(judged.part) > 0 OR ($5::text[] IS NULL AND $8::text IS NULL AND $9::text IS NULL)
)
"""

_BY = {
    "contract": "JOIN contract AS thing ON thing.id = standing.contract",
    "site": "JOIN place AS thing ON thing.id = standing.site",
    "depot": "JOIN place AS thing ON thing.id = standing.serving",
}


async def tallies(by: Kind, asked: Filter, *, limit: int, seen_by: Actor) -> list[Tally]:
    """Devices by state, contract by contract (or by site, or by serving store), the worst first."""
    seen_by.require("devices.read")
    rows = await db.fetch(
        f"""{_DEVICES}
            SELECT thing.code, thing.name_zh, thing.name_en,
                   coalesce(sum(devices) FILTER (WHERE rank = 1), 0)::int AS no,
                   coalesce(sum(devices) FILTER (WHERE rank = 2), 0)::int AS at_risk,
                   coalesce(sum(devices) FILTER (WHERE rank = 3), 0)::int AS yes,
                   coalesce(sum(devices) FILTER (WHERE rank = 4 OR rank IS NULL), 0)::int AS not_judged
            FROM standing {_BY[by]}
            GROUP BY thing.id, thing.code, thing.name_zh, thing.name_en
            ORDER BY min(rank) NULLS LAST, no DESC, at_risk DESC, thing.code LIMIT $10""",
        *await _asked(asked, seen_by),
        limit,
    )
    return [_tally(row) for row in rows]


def _tally(row: db.Row) -> Tally:
    counts = Counts(no=row["no"], at_risk=row["at_risk"], yes=row["yes"], not_judged=row["not_judged"])
    return Tally(code=row["code"], name_zh=row["name_zh"], name_en=row["name_en"], state=counts.state, devices=counts)


def _summed(found: Sequence[Tally]) -> Counts:
    return Counts(**{state: sum(getattr(each.devices, state) for each in found) for state in STATES})


async def board(*, seen_by: Actor, depot: str | None = None, limit: int = 500) -> Board:
    """How everything in the reader's scope stands, contract by contract."""
    found = await tallies("contract", Filter(depot=depot), limit=limit, seen_by=seen_by)
    counts = _summed(found)
    return Board(at=clock.now(), state=counts.state, devices=counts, contracts=found)


_NAMED: dict[Kind, tuple[str, str, Kind]] = {
    "contract": ("SELECT code, name_zh, name_en FROM contract WHERE code = $1", "合同", "site"),
    "site": ("SELECT code, name_zh, name_en FROM place WHERE code = $1 AND kind = 'site'", "站点", "contract"),
    "depot": (
        "SELECT code, name_zh, name_en FROM place WHERE code = $1 AND kind IN ('depot', 'onsite_store')",
        "备件库",
        "contract",
    ),
}


async def coverage(kind: Kind, code: str, *, seen_by: Actor, limit: int = 200) -> Coverage:
    """How one contract, site or store stands: its devices, what it consists of, its worst parts first.

    Raises:
        Unknown: no such contract, site or store in the reader's scope.

    """
    named, name_zh, consists_of = _NAMED[kind]
    head = await db.fetch_one(named, code)
    scope = {"contract": seen_by.contracts, "depot": seen_by.depots}.get(kind)
    asked = Filter(**{kind: code})
    found = await tallies(consists_of, asked, limit=limit, seen_by=seen_by) if head else []
    # a site belongs to those who see a contract there
    hidden = (scope is not None and code not in scope) or (
        not found and kind != "depot" and not (seen_by.contracts is None and seen_by.depots is None)
    )
    if head is None or hidden:
        raise Unknown(what=kind, what_zh=name_zh, key=code)
    counts = _summed(found)
    return Coverage(
        kind=kind,
        code=head["code"],
        name_zh=head["name_zh"],
        name_en=head["name_en"],
        at=clock.now(),
        state=counts.state,
        devices=counts,
        consists_of=found,
        parts=await parts(asked, limit=limit, seen_by=seen_by),
    )


async def states_of_contracts(codes: Sequence[str], *, seen_by: Actor) -> dict[str, Counts]:
    """How some contracts stand, for a badge beside each."""
    found = await tallies("contract", Filter(), limit=5000, seen_by=seen_by)
    return {each.code: each.devices for each in found if each.code in codes}


async def device_states(
    asked: Filter, *, limit: int, seen_by: Actor, state: State | None = None, after: str = ""
) -> list[DeviceState]:
    """Devices with how they stand, by serial."""
    seen_by.require("devices.read")
    return await db.read(
        DeviceState,
        f"""{_DEVICES}
            SELECT device.serial, device_model.code AS model, site.code AS site, contract.code AS contract,
                   coalesce((ARRAY{list(STATES)}::text[])[standing.rank], 'not_judged') AS state,
                   (SELECT coalesce(jsonb_agg(part.part_number ORDER BY part.part_number), '[]')
                    FROM judged
                    JOIN model_part ON model_part.model = device.model AND model_part.part = judged.part AND critical
                    JOIN part ON part.id = judged.part
                    WHERE judged.site = device.site AND judged.contract = device.contract
                      AND {_RANK} = standing.rank AND standing.rank < 3) AS weak_parts
            FROM standing
            JOIN device ON device.site = standing.site AND device.contract = standing.contract
                 AND device.model = standing.model AND device.retired_on IS NULL
            JOIN device_model ON device_model.id = device.model
            JOIN contract ON contract.id = device.contract
            JOIN place AS site ON site.id = device.site
            WHERE device.serial > $10
              AND ($11::text IS NULL OR $11 = coalesce((ARRAY{list(STATES)}::text[])[standing.rank], 'not_judged'))
            ORDER BY device.serial LIMIT $12""",
        *await _asked(asked, seen_by),
        after,
        state,
        limit,
    )


async def device_cover(number: str, *, seen_by: Actor, severity: str | None = None) -> DeviceCover:
    """How one device stands now, by serial or registration number; under one severity's limit, or the worst of all.

    It is judged as it is asked, so that it is right even while a job is still to run.

    Raises:
        UnknownDevice: none in the reader's scope.

    """
    seen_by.require("devices.read")
    device = await devices.find(number, seen_by=seen_by)
    rows = await db.fetch(
        """SELECT model_part.part, contract.calendar FROM model_part JOIN contract ON contract.id = $2
           WHERE model = $1 AND critical ORDER BY part""",
        device.model,
        device.contract,
    )
    known = await facts_of(
        [(device.site, device.contract, row["part"]) for row in rows], device=Fit(device.model, device.firmware)
    )
    hours = (await hours_now())[rows[0]["calendar"]] if rows else "working"
    judged = [
        {
            "site": each.site,
            "contract": each.contract,
            "part": each.part,
            "serving": each.serving,
            "hours": hours,
            "judgement": each.judged(hours, severity),
        }
        for each in known
    ]
    found = await db.read(
        PartCover,
        f"""WITH judged AS (
                SELECT * FROM jsonb_to_recordset($1) AS judged(site int, contract int, part int, serving int,
                    hours text, judgement jsonb)
            )
            {_VIEW.format(told="($2::boolean OR $3::text[] IS NULL OR giving.code = ANY($3))", now="$4")}
            WHERE $3::text[] IS NULL OR store.code = ANY($3)
            ORDER BY {_RANK}, part.part_number""",
        judged,
        seen_by.may("parts.request"),
        seen_by.depot_scope,
        clock.now(),
    )
    if seen_by.depots is not None and not found:
        raise UnknownDevice(key=number, near="–")  # another store's device
    covered = device.covered
    return DeviceCover(
        serial=device.serial,
        model=device.model_code,
        site=device.site_code,
        contract=device.contract_code,
        covered=covered,
        at=clock.now(),
        state=worst([each.state for each in found]) if covered else "not_judged",
        reasons=_reasons(found, covered=covered),
        parts=await _mended(found, seen_by),
    )


def _reasons(found: Sequence[PartCover], *, covered: bool) -> list[str]:
    """Why a device stands as it does: what is held against its worst parts."""
    if not covered:
        return ["not_covered"]
    if not found:
        return ["no_critical_parts"]
    state = worst([each.state for each in found])
    return list(dict.fromkeys(reason for each in found if each.state == state for reason in each.reasons))
