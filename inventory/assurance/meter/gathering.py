"""Gathering what cover is judged by, for any number of cells at once: five statements, however many.

A part may stand in for another in some devices and not in others, by their model and firmware (a *fit*). Where that
matters to a cell, it is judged for each fit of its devices, and the worst counts.
"""

from collections.abc import Sequence

from msgspec import Struct, structs

from inventory.assurance.meter.judging import Judgement, Term, Way, judge_terms, worst_of
from inventory.catalogue.substitutes import Fit, Link, chains, links
from inventory.ground import clock, db
from inventory.installed_base.clocks import Hours, Limits, PartTravels, WorkingHours, hours_at, needed_within
from inventory.installed_base.contracts import forbids
from inventory.installed_base.severities import SEVERITIES
from inventory.requests.sourcing import PICK_HOURS
from inventory.stock.serving import ANSWERS, NEAREST, WAYS

Key = tuple[int, int, int]
"""A cell: site, contract, part."""


class Facts(Struct, frozen=True, kw_only=True):
    """A cell with every way a part could come, what was promised, and the pool and store that answer.

    `fits` are the devices' fits, by number, where a way is not open to all of them.
    """

    site: int
    contract: int
    part: int
    pool: int | None
    serving: int | None
    serving_hours: float | None
    forbidden: bool
    ways: list[Way]
    terms: list[Term] = []
    fits: list[int] = []

    @property
    def key(self) -> Key:
        """The cell."""
        return self.site, self.contract, self.part

    def judged(self, hours: Hours, severity: str | None = None) -> Judgement:
        """What it comes to in working or non-working hours, under one severity's limit or the worst of all."""
        terms = [term for term in self.terms if severity is None or term.severity == severity]
        return worst_of(
            judge_terms(
                [way for way in self.ways if way.fits is None or fit in way.fits],
                terms,
                hours,
                serving_hours=self.serving_hours,
                forbidden=self.forbidden,
            )
            for fit in self.fits or [None]
        )


NEEDED = """
SELECT DISTINCT device.site, device.contract, model_part.part
FROM device JOIN model_part ON model_part.model = device.model AND model_part.critical
WHERE device.retired_on IS NULL
"""
"""The cells there have to be: what devices in use depend on, by site and contract."""

_FACTS = f"""
WITH cell AS MATERIALIZED (
    SELECT * FROM unnest($1::int[], $2::int[], $3::int[]) AS asked(site, contract, part)
),
served AS MATERIALIZED (
    SELECT served.site, served.contract, contract.minimum_provenance AS least, pool.id AS pool, nearest.store AS serving,
           $4::float8 + nearest.travel_hours AS serving_hours
    FROM (SELECT DISTINCT site, contract FROM cell) AS served
    JOIN contract ON contract.id = served.contract
    LEFT JOIN LATERAL {NEAREST} ON true
    LEFT JOIN pool ON {ANSWERS}
),
way AS MATERIALIZED (
    SELECT site, place, min(hours) AS hours, min(hours) FILTER (WHERE lithium) AS lithium_hours
    FROM ({WAYS}) AS ways WHERE site IN (SELECT site FROM served) GROUP BY site, place
),
stock AS MATERIALIZED (
    SELECT usable.wanted, level.id AS level, level.part, level.place, level.pool, level.free, level.critical_point,
           usable.pieces, usable.fits, part.lithium, place.out_of_service_at IS NOT NULL AS out_of_service
    FROM jsonb_to_recordset($5) AS usable(wanted int, part int, pieces int, fits jsonb)
    JOIN part ON part.id = usable.part
    JOIN level ON level.part = part.id AND level.condition = 'good'
    JOIN party ON party.id = level.owner AND party.is_ourselves
    -- an engineer's pocket is no depot
    JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock'
),
-- what of a stock is proven enough to be issued under a contract
proven AS MATERIALIZED (
    SELECT level, least, issuable(level, least) AS free
    FROM (SELECT DISTINCT stock.level, served.least FROM served JOIN stock ON stock.pool = served.pool
          WHERE stock.free > 0) AS asked
)
SELECT cell.site, cell.contract, cell.part, served.pool, served.serving, served.serving_hours,
       {forbids("cell.contract", "cell.part")} AS forbidden,
       coalesce(jsonb_agg(jsonb_build_object(
           'place', stock.place, 'part', stock.part,
           'hours', $4::float8 + CASE WHEN stock.lithium THEN way.lithium_hours ELSE way.hours END,
           'free', coalesce(proven.free, stock.free), 'fits', stock.fits, 'pieces_each', stock.pieces,
           'critical_point', stock.critical_point,
           'keeps', CASE WHEN stock.place = served.serving THEN 0 ELSE coalesce(stock.critical_point, 0) END,
           'serving', stock.place IS NOT DISTINCT FROM served.serving, 'substitute', stock.part <> cell.part,
           'out_of_service', stock.out_of_service)
           ) FILTER (WHERE stock.place IS NOT NULL), '[]') AS ways
FROM cell
JOIN served USING (site, contract)
LEFT JOIN stock ON stock.wanted = cell.part AND stock.pool = served.pool
     AND NOT {forbids("cell.contract", "stock.part")}
LEFT JOIN proven ON proven.level = stock.level AND proven.least = served.least
LEFT JOIN way ON way.site = cell.site AND way.place = stock.place
GROUP BY cell.site, cell.contract, cell.part, served.pool, served.serving, served.serving_hours
"""
"""The facts of cells ($1 sites, $2 contracts, $3 parts), picking taking $4 hours; $5 says which parts are usable for which."""


async def facts(cells: str, *arguments: object) -> list[Facts]:
    """The facts of the cells that a query names."""
    return await facts_of([(row["site"], row["contract"], row["part"]) for row in await db.fetch(cells, *arguments)])


async def facts_of(keys: Sequence[Key], *, device: Fit | None = None) -> list[Facts]:
    """The facts of some cells, for all their devices or for those of one fit."""
    if not keys:
        return []
    columns = [list(column) for column in zip(*keys, strict=True)]
    known = await links(sorted({part for _, _, part in keys}))
    limited = _limited(known)
    rows = await db.fetch(_FITS, *columns, sorted(limited)) if limited and device is None else []
    there = [((row["site"], row["contract"], row["part"]), Fit(row["model"], row["firmware"])) for row in rows]
    if device is not None:
        there = [(key, device) for key in keys if key[2] in limited]
    numbers = {fit: number for number, fit in enumerate(dict.fromkeys(fit for _, fit in there))}
    fits: dict[Key, list[int]] = {}
    for key, fit in there:
        fits.setdefault(key, []).append(numbers[fit])
    usable = [
        _Usable(wanted=part, part=chain.part, pieces=chain.pieces)
        for part in dict.fromkeys(part for _, _, part in keys)
        if part not in limited
        for chain in chains(known, part, None).values()
    ]
    usable += [
        _Usable(wanted=part, part=chain.part, pieces=chain.pieces, fits=[numbers[fit]])
        for part, fit in dict.fromkeys((key[2], fit) for key, fit in there)
        for chain in chains(known, part, fit).values()
        if not chain.unmet
    ]
    found = await db.read(Facts, _FACTS, *columns, PICK_HOURS, usable)
    terms = await terms_of({each.contract for each in found})
    return [structs.replace(each, terms=terms.get(each.contract, []), fits=fits.get(each.key, [])) for each in found]


class _Usable(Struct, frozen=True, kw_only=True):
    """A part that may be used for another: in every device, or in those of some fits."""

    wanted: int
    part: int
    pieces: int
    fits: list[int] | None = None


_FITS = """
SELECT DISTINCT cell.site, cell.contract, cell.part, device.model, device.firmware
FROM unnest($1::int[], $2::int[], $3::int[]) AS cell(site, contract, part)
JOIN device ON device.site = cell.site AND device.contract = cell.contract AND device.retired_on IS NULL
JOIN model_part ON model_part.model = device.model AND model_part.part = cell.part AND model_part.critical
WHERE cell.part = ANY($4)
ORDER BY 1, 2, 3, 4, 5
"""


def _limited(known: Sequence[Link]) -> set[int]:
    """The parts from which a link is reached that does not hold for every device."""
    found = {link.part for link in known if link.model is not None or link.min_firmware is not None}
    while more := {link.part for link in known if link.substitute in found} - found:
        found |= more
    return found


class _Promised(Limits, frozen=True, kw_only=True):
    contract: int
    part_travels: PartTravels
    fitting_hours: float
    may_empty: bool


async def terms_of(contracts: set[int]) -> dict[int, list[Term]]:
    """What was promised for each severity that a fault can have, by contract."""
    promised = await db.read(
        _Promised,
        f"""SELECT contract.id AS contract, severity.code AS severity, hours, arrive_hours, repair_hours,
                   part_travels, fitting_hours, coalesce(may_empty_depots, false) AS may_empty
            FROM contract
            CROSS JOIN LATERAL ({SEVERITIES}) AS severity
            JOIN service_term ON service_term.contract = contract.id AND service_term.severity = severity.code
            LEFT JOIN priority_class ON priority_class.code = severity.priority_class
            WHERE contract.id = ANY($1) ORDER BY contract.id, severity.code, hours""",
        list(contracts),
    )
    found: dict[int, list[Term]] = {}
    for each in promised:
        found.setdefault(each.contract, []).append(
            Term(
                severity=each.severity,
                hours=each.hours,
                limit_hours=needed_within(each, each.part_travels, each.fitting_hours),
                may_empty=each.may_empty,
            )
        )
    return found


class _Calendar(WorkingHours, frozen=True, kw_only=True):
    id: int


async def hours_now() -> dict[int, Hours]:
    """Whether it is working hours now, by calendar."""
    calendars = await db.read(
        _Calendar, "SELECT id, time_zone, working_days, opens_at, closes_at, holidays FROM calendar"
    )
    now = clock.now()
    return {calendar.id: hours_at(now, calendar)[0] for calendar in calendars}
