"""Gathering what cover is judged by, for any number of cells at once: three statements, however many."""

from collections.abc import Sequence

from msgspec import Struct, structs

from inventory.assurance.meter.judging import Judgement, Term, Way, judge_terms
from inventory.catalogue.substitutes import usable
from inventory.ground import clock, db
from inventory.installed_base.clocks import Hours, Limits, PartTravels, WorkingHours, hours_at, needed_within
from inventory.installed_base.severities import SEVERITIES
from inventory.requests.sourcing import PICK_HOURS
from inventory.stock.serving import ANSWERS, NEAREST, WAYS

Key = tuple[int, int, int]
"""A cell: site, contract, part."""


class Facts(Struct, frozen=True, kw_only=True):
    """A cell with every way a part could come, what was promised, and the pool and store that answer."""

    site: int
    contract: int
    part: int
    pool: int | None
    serving: int | None
    serving_hours: float | None
    forbidden: bool
    ways: list[Way]
    terms: list[Term] = []

    @property
    def key(self) -> Key:
        """The cell."""
        return self.site, self.contract, self.part

    def judged(self, hours: Hours, severity: str | None = None) -> Judgement:
        """What it comes to in working or non-working hours, under one severity's limit or the worst of all."""
        terms = [term for term in self.terms if severity is None or term.severity == severity]
        return judge_terms(self.ways, terms, hours, serving_hours=self.serving_hours, forbidden=self.forbidden)


NEEDED = """
SELECT DISTINCT device.site, device.contract, model_part.part
FROM device JOIN model_part ON model_part.model = device.model AND model_part.critical
WHERE device.retired_on IS NULL
"""
"""The cells there have to be: what devices in use depend on, by site and contract."""

FACTS = f"""
WITH RECURSIVE cell AS MATERIALIZED ({{cells}}),
served AS MATERIALIZED (
    SELECT served.site, served.contract, pool.id AS pool, nearest.store AS serving,
           $2::float8 + nearest.travel_hours AS serving_hours
    FROM (SELECT DISTINCT site, contract FROM cell) AS served
    JOIN contract ON contract.id = served.contract
    LEFT JOIN LATERAL {NEAREST} ON true
    LEFT JOIN pool ON {ANSWERS}
),
way AS MATERIALIZED (
    SELECT site, place, min(hours) AS hours, min(hours) FILTER (WHERE lithium) AS lithium_hours
    FROM ({WAYS}) AS ways WHERE site IN (SELECT site FROM served) GROUP BY site, place
),
{usable("(SELECT DISTINCT part FROM cell)", day="$1").replace("{", "{{").replace("}", "}}")},
stock AS MATERIALIZED (
    SELECT usable.wanted, level.part, level.place, level.pool, level.free, level.critical_point, usable.pieces,
           part.lithium, place.out_of_service_at IS NOT NULL AS out_of_service
    FROM usable
    JOIN part ON part.id = usable.part
    JOIN level ON level.part = part.id AND level.condition = 'good'
    JOIN party ON party.id = level.owner AND party.is_ourselves
    -- an engineer's pocket is no depot
    JOIN place ON place.id = level.place AND place.kind <> 'engineer_stock'
    -- what only devices with some firmware may have does not count for all of a cell's
    WHERE usable.firmwares = '{{{{}}}}'
)
SELECT cell.site, cell.contract, cell.part, served.pool, served.serving, served.serving_hours,
       EXISTS (SELECT FROM forbidden_part WHERE contract = cell.contract AND part = cell.part AND in_force) AS forbidden,
       coalesce(jsonb_agg(jsonb_build_object(
           'place', stock.place, 'part', stock.part,
           'hours', $2::float8 + CASE WHEN stock.lithium THEN way.lithium_hours ELSE way.hours END,
           'free', stock.free, 'pieces_each', stock.pieces, 'critical_point', stock.critical_point,
           'keeps', CASE WHEN stock.place = served.serving THEN 0 ELSE coalesce(stock.critical_point, 0) END,
           'serving', stock.place IS NOT DISTINCT FROM served.serving, 'substitute', stock.part <> cell.part,
           'out_of_service', stock.out_of_service)
           ) FILTER (WHERE stock.place IS NOT NULL), '[]') AS ways
FROM cell
JOIN served USING (site, contract)
LEFT JOIN stock ON stock.wanted = cell.part AND stock.pool = served.pool
     AND NOT EXISTS (SELECT FROM forbidden_part AS barred
                     WHERE barred.contract = cell.contract AND barred.part = stock.part AND barred.in_force)
LEFT JOIN way ON way.site = cell.site AND way.place = stock.place
GROUP BY cell.site, cell.contract, cell.part, served.pool, served.serving, served.serving_hours
"""
"""The facts of `{{cells}}` (site, contract, part), today ($1), picking taking $2 hours."""


async def facts(cells: str, *arguments: object) -> list[Facts]:
    """The facts of the cells that a query names; its arguments begin at $3."""
    found = await db.read(Facts, FACTS.format(cells=cells), clock.today(), PICK_HOURS, *arguments)
    terms = await terms_of({each.contract for each in found})
    return [structs.replace(each, terms=terms.get(each.contract, [])) for each in found]


async def facts_of(keys: Sequence[Key]) -> list[Facts]:
    """The facts of some cells."""
    columns = [list(column) for column in zip(*keys, strict=True)] or [[], [], []]
    return await facts(
        "SELECT * FROM unnest($3::int[], $4::int[], $5::int[]) AS asked(site, contract, part)",
        *columns,
    )


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
