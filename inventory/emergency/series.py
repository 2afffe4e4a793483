"""Series of the radar: what failed when, and what was expected of it, by part, model, firmware, batch, site, supplier.

What can be said truthfully: a device is what it is now, so its failures count for its present model, firmware and site.
Which piece failed is known where the one that came out was named, where it sat in the same position, or where a device
carries but one; a piece's batch is the receipt it came with, its supplier the vendor of that receipt's order. A failure
whose piece is not known belongs to no batch and no supplier. A piece dead on arrival failed no device, but counts for both.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any, Literal, get_args
from uuid import UUID

from msgspec import Struct

from inventory.emergency.policy import Policy
from inventory.ground import clock, db
from inventory.installed_base.failures import REMEMBERED
from optimizer import burst, radar
from optimizer.burst import Alarm, Burst
from optimizer.cover import NO_DEMAND
from optimizer.radar import Concentration

Dimension = Literal["part", "model", "firmware", "batch", "site", "supplier"]
DIMENSIONS: tuple[Dimension, ...] = get_args(Dimension)

Key = tuple[str, str]
"""A series: its dimension and its subject in it."""

BATCHES_WATCHED = timedelta(days=3 * 365)
"""How long after its receipt a batch, and so a supplier's deliveries, are watched."""

MEMORY_DAYS = REMEMBERED.total_seconds() / 86_400


class Failed(Struct, frozen=True, kw_only=True):
    """Something failed: which part of what, and which delivery the piece came with, where that is known."""

    at: datetime
    part: int
    model: int | None
    firmware: str | None
    site: int | None
    receipt: UUID | None
    vendor: int | None

    def belongs_to(self) -> list[Key]:
        """The series it belongs to."""
        found = {
            "part": None if self.model is None else str(self.part),  # dead on arrival: it never ran
            "model": None if self.model is None else str(self.model),
            "firmware": None if self.model is None or self.firmware is None else f"{self.model}:{self.firmware}",
            "batch": None if self.receipt is None else f"{self.receipt}:{self.part}",
            "site": None if self.site is None else str(self.site),
            "supplier": None if self.vendor is None else str(self.vendor),
        }
        return [(dimension, subject) for dimension, subject in found.items() if subject is not None]


class Exposed(Struct, frozen=True, kw_only=True):
    """So many pieces of a part, in service from one day until another; of a batch, since it came."""

    dimension: str
    subject: str
    part: int
    since: date
    until: date | None
    pieces: int


class Believed(Struct, frozen=True, kw_only=True):
    """What is believed of a part's failure rate."""

    part: int
    annual_rate: float
    shape: float


class Reading(Struct, frozen=True, kw_only=True):
    """What a series says at a moment: its test, every alarm of the memory, and how well its rate is known."""

    key: Key
    rate_shape: float
    burst: Burst
    alarms: list[Alarm]


def read(
    key: Key,
    failed: Sequence[Failed],
    exposed: Sequence[Exposed],
    believed: Mapping[int, Believed],
    *,
    policy: Policy,
    series: int,
    now: datetime,
) -> Reading | None:
    """Read one series at `now`; None where nothing is expected of it, so that nothing can be said. Pure."""
    start = now - REMEMBERED
    rate, earlier = _rates(exposed, believed, start)
    if rate <= NO_DEMAND:
        return None
    pieces: Counter[int] = Counter()
    for each in exposed:
        pieces[each.part] += each.pieces
    known = [believed[part] for part in pieces if part in believed and believed[part].annual_rate > 0]
    shape = radar.pooled_shape([pieces[each.part] * each.annual_rate for each in known], [each.shape for each in known])
    ratio = policy.burst_ratio
    tested = radar.design(rate, shape, series, policy.false_alarms_per_year, ratio)
    times = sorted(_days(start, each.at) for each in failed)
    test, alarms = burst.read(
        times, rate, MEMORY_DAYS, ratio, tested.threshold, allowance=tested.allowance, earlier=earlier
    )
    return Reading(key=key, rate_shape=shape, burst=test, alarms=alarms)


def _days(start: datetime, at: datetime) -> float:
    return (at - start).total_seconds() / 86_400


def _rates(
    exposed: Sequence[Exposed], believed: Mapping[int, Believed], start: datetime
) -> tuple[float, list[tuple[float, float]]]:
    """What is expected a day now, and what was expected before, as the installed base came and went."""
    changes: dict[float, float] = defaultdict(float)
    for each in exposed:
        if each.part in believed:
            rate = each.pieces * believed[each.part].annual_rate / burst.YEAR_DAYS
            changes[max(0.0, _day(start, each.since))] += rate
            if each.until is not None:
                changes[max(0.0, _day(start, each.until))] -= rate
    running, earlier = changes.pop(0.0, 0.0), list[tuple[float, float]]()
    for day in sorted(changes):
        if day >= MEMORY_DAYS:
            break
        earlier.append((day, max(0.0, running)))
        running += changes[day]
    return max(0.0, running), earlier


def _day(start: datetime, day: date) -> float:
    return _days(start, datetime.combine(day, time.min, clock.ZONE))


# which receipt the piece `fitted` came with: by its serial, else the only receipt of what was sent under its document
_CAME_WITH = """coalesce(
    (SELECT unit.receipt FROM unit WHERE unit.part = fitted.part AND unit.serial = fitted.serial LIMIT 1),
    (SELECT min(sent.receipt::text)::uuid
     FROM (SELECT coalesce(unit.receipt, lot.receipt) AS receipt
           FROM movement LEFT JOIN unit ON unit.id = movement.unit LEFT JOIN lot ON lot.id = movement.lot
           WHERE movement.document = fitted.document_number AND movement.part = fitted.part
             AND movement.to_place = fitted.site) AS sent
     HAVING count(DISTINCT sent.receipt) = 1 AND count(*) = count(sent.receipt)))"""

_VENDOR_OF = """LEFT JOIN receipt ON receipt.id = came.receipt
    LEFT JOIN purchase_order ON purchase_order.number = receipt.document"""

_FAILED = f"""
SELECT failed.at, failed.part, failed.model, failed.firmware, failed.site, came.receipt, purchase_order.vendor
FROM (
    SELECT failure.occurred_at AS at, failure.part, failure.device, failure.position, device.model, device.firmware,
           device.site, part_request.number AS request
    FROM failure
    JOIN device ON device.id = failure.device
    LEFT JOIN part_request ON part_request.id = failure.request
    WHERE failure.withdrawn_at IS NULL AND failure.occurred_at BETWEEN $1 AND $2
      AND ($3::int[] IS NULL OR failure.part = ANY($3) OR device.model = $4 OR device.site = $5)
) AS failed
LEFT JOIN LATERAL (
    SELECT {_CAME_WITH} AS receipt
    FROM (SELECT fitted_part.*, failed.site FROM fitted_part) AS fitted
    WHERE fitted.device = failed.device AND fitted.part = failed.part AND fitted.fitted_at <= failed.at
      AND (fitted.removed_at IS NULL OR fitted.removed_at >= failed.at)
      AND (fitted.removed_by_document = failed.request OR fitted.position = failed.position
           OR (SELECT per_device FROM model_part
               WHERE model_part.model = failed.model AND model_part.part = failed.part) = 1)
    ORDER BY fitted.removed_by_document = failed.request DESC NULLS LAST, fitted.fitted_at DESC LIMIT 1
) AS came ON true
{_VENDOR_OF}
UNION ALL
SELECT dead.told_at, dead.part, NULL, NULL, NULL, came.receipt, purchase_order.vendor
FROM (
    SELECT debrief.told_at, coalesce(request_line.supplied_part, request_line.part) AS part, piece.serial,
           part_request.number AS document_number, device.site
    FROM debrief
    JOIN request_line ON request_line.id = debrief.line
    JOIN part_request ON part_request.id = request_line.request
    JOIN device ON device.id = part_request.device
    CROSS JOIN LATERAL unnest(coalesce(string_to_array(debrief.serial_in, ', '),
                                       array_fill(NULL::text, ARRAY[debrief.quantity]))) AS piece(serial)
    WHERE debrief.outcome = 'dead_on_arrival' AND debrief.told_at BETWEEN $1 AND $2
      AND ($3::int[] IS NULL OR coalesce(request_line.supplied_part, request_line.part) = ANY($3))
) AS dead
CROSS JOIN LATERAL (
    SELECT {_CAME_WITH.replace("fitted.", "dead.")} AS receipt
) AS came
{_VENDOR_OF}
WHERE came.receipt IS NOT NULL
"""
"""What failed in a time: everything, or what concerns some parts, a model or a site."""


class Touched(Struct, frozen=True, kw_only=True):
    """What a failure of a part in a device touches: its own series, and the parts whose failures these are read from."""

    model: int
    firmware: str | None
    site: int
    vendors: list[int]
    parts: list[int]

    def series_of(self, part: int, failed: Sequence[Failed], kept: Sequence[Key]) -> list[Key]:
        """The series to be read anew: those it belongs to, and those it belonged to before."""
        own = Failed(
            at=clock.now(),
            part=part,
            model=self.model,
            firmware=self.firmware,
            site=self.site,
            receipt=None,
            vendor=None,
        ).belongs_to()
        batches = [key for each in failed if each.part == part for key in each.belongs_to() if key[0] == "batch"]
        suppliers = [("supplier", str(vendor)) for vendor in self.vendors]
        before = [key for key in kept if key[0] == "batch" and key[1].endswith(f":{part}")]
        return list(dict.fromkeys([*own, *batches, *suppliers, *before]))


async def touched(device: int, part: int) -> Touched | None:
    """What a failure of a part in a device touches; None where there is no such device."""
    return await db.read_one(
        Touched,
        """WITH delivered AS (
               SELECT DISTINCT purchase_order.vendor, receipt_line.part
               FROM receipt_line
               JOIN receipt ON receipt.id = receipt_line.receipt
               JOIN purchase_order ON purchase_order.number = receipt.document
           ), vendors AS (SELECT vendor FROM delivered WHERE part = $2)
           SELECT device.model, device.firmware, device.site,
                  coalesce((SELECT array_agg(vendor) FROM vendors), '{}') AS vendors,
                  coalesce((SELECT array_agg(DISTINCT part) FROM delivered
                            WHERE vendor IN (SELECT vendor FROM vendors)), '{}') || $2::int AS parts
           FROM device WHERE device.id = $1""",
        device,
        part,
    )


async def failed_since(start: datetime, until: datetime, only: Touched | None = None) -> list[Failed]:
    """What failed from one moment to another: everything, or what bears on the series that were touched."""
    narrow = (None, None, None) if only is None else (only.parts, only.model, only.site)
    return await db.read(Failed, _FAILED, start, until, *narrow)


async def failed_in(key: Key, start: datetime, until: datetime) -> list[Failed]:
    """What failed in one series from one moment to another."""
    dimension, subject = key
    first, _, second = subject.partition(":")
    match dimension:
        case "part" | "batch":
            narrow = ([int(second or first)], None, None)
        case "model" | "firmware":
            narrow = ([], int(first), None)
        case "site":
            narrow = ([], None, int(first))
        case _:
            narrow = (None, None, None)
    found = await db.read(Failed, _FAILED, start, until, *narrow)
    return [each for each in found if key in each.belongs_to()]


def _asked(keys: Collection[Key]) -> tuple[list[Any], ...]:
    """Series as parameters: parts, models, models with a firmware level and these, sites, receipts and parts, vendors."""
    of: dict[str, list[tuple[str, str, str]]] = {dimension: [] for dimension in DIMENSIONS}
    for dimension, subject in keys:
        of[dimension].append(subject.partition(":"))
    return (
        [int(part) for part, _, _ in of["part"]],
        [int(model) for model, _, _ in of["model"]],
        [int(model) for model, _, _ in of["firmware"]],
        [level for _, _, level in of["firmware"]],
        [int(site) for site, _, _ in of["site"]],
        [receipt for receipt, _, _ in of["batch"]],
        [int(part) for _, _, part in of["batch"]],
        [int(vendor) for vendor, _, _ in of["supplier"]],
    )


async def exposed_of(keys: Collection[Key], start: datetime) -> list[Exposed]:
    """The pieces in service since `start` of some series; of batches and suppliers, the pieces that came."""
    return await db.read(
        Exposed,
        """WITH running AS NOT MATERIALIZED (  -- each dimension reads the devices it asks for, not every one
               SELECT model, firmware, site, installed_on AS since, retired_on AS until FROM device
               WHERE retired_on IS NULL OR retired_on > $1
           ), counted AS (
               SELECT 'part' AS dimension, NULL AS subject, model, since, until, count(*) AS devices FROM running
               WHERE model IN (SELECT model FROM model_part WHERE part = ANY($3::int[]))
               GROUP BY model, since, until
               UNION ALL
               SELECT 'model', model::text, model, since, until, count(*) FROM running
               WHERE model = ANY($4::int[])
               GROUP BY model, since, until
               UNION ALL
               SELECT 'firmware', model || ':' || firmware, model, since, until, count(*) FROM running
               WHERE (model, firmware) IN (SELECT * FROM unnest($5::int[], $6::text[]))
               GROUP BY model, firmware, since, until
               UNION ALL
               SELECT 'site', site::text, model, since, until, count(*) FROM running
               WHERE site = ANY($7::int[])
               GROUP BY site, model, since, until
           ), came AS NOT MATERIALIZED (
               SELECT receipt.id AS receipt, receipt_line.part, purchase_order.vendor, receipt.received_at::date AS since,
                      receipt_line.quantity
               FROM receipt_line
               JOIN receipt ON receipt.id = receipt_line.receipt AND receipt.received_at > $2
               LEFT JOIN purchase_order ON purchase_order.number = receipt.document
               WHERE receipt_line.quantity > 0
           )
           SELECT dimension, coalesce(subject, part::text) AS subject, part, since, until,
                  sum(per_device * devices)::int AS pieces
           FROM counted JOIN model_part USING (model)
           WHERE dimension <> 'part' OR part = ANY($3::int[])
           GROUP BY 1, 2, 3, 4, 5
           UNION ALL
           SELECT 'batch', receipt || ':' || part, part, since, NULL, sum(quantity)::int FROM came
           WHERE (receipt, part) IN (SELECT * FROM unnest($8::uuid[], $9::int[]))
           GROUP BY receipt, part, since
           UNION ALL
           SELECT 'supplier', vendor::text, part, since, NULL, sum(quantity)::int FROM came
           WHERE vendor = ANY($10::int[])
           GROUP BY vendor, part, since""",
        start.astimezone(clock.ZONE).date(),
        clock.now() - BATCHES_WATCHED,
        *_asked(keys),
    )


_BELIEVED = """SELECT part.id AS part, annual_rate, shape
               FROM part
               JOIN LATERAL (
                   SELECT annual_rate, shape FROM failure_rate
                   WHERE failure_rate.part = part.id AND valid_from <= $1 ORDER BY valid_from DESC, id DESC LIMIT 1
               ) AS newest ON true"""


async def beliefs(parts: Collection[int]) -> dict[int, Believed]:
    """What is believed today of some parts' failure rates."""
    found = await db.read(Believed, f"{_BELIEVED} WHERE part.id = ANY($2)", clock.today(), list(parts))
    return {each.part: each for each in found}


async def count() -> int:
    """How many series there are of which something is expected, whether anything failed in them or not."""
    return await db.fetch_value(
        """WITH rated AS (SELECT DISTINCT part FROM failure_rate WHERE annual_rate > 0 AND valid_from <= $1),
           fits AS (
               SELECT DISTINCT device.model, device.firmware, device.site FROM device
               WHERE (retired_on IS NULL OR retired_on > $1)
                 AND device.model IN (SELECT model FROM model_part JOIN rated USING (part))
           ), came AS (
               SELECT receipt.id AS receipt, receipt_line.part, purchase_order.vendor
               FROM receipt_line
               JOIN receipt ON receipt.id = receipt_line.receipt AND receipt.received_at > $2
               JOIN rated ON rated.part = receipt_line.part
               LEFT JOIN purchase_order ON purchase_order.number = receipt.document
               WHERE receipt_line.quantity > 0
           )
           SELECT ((SELECT count(DISTINCT part) FROM model_part JOIN rated USING (part)
                    WHERE model IN (SELECT model FROM fits))
                   + count(DISTINCT model) + count(DISTINCT (model, firmware)) FILTER (WHERE firmware IS NOT NULL)
                   + count(DISTINCT site) + (SELECT count(DISTINCT (receipt, part)) FROM came)
                   + (SELECT count(DISTINCT vendor) FROM came))::int
           FROM fits""",
        clock.today(),
        clock.now() - BATCHES_WATCHED,
    )


async def shares_of(keys: Collection[Key]) -> dict[Key, dict[Key, float]]:
    """What part of each series' expected failures falls on each part, model, firmware, site, batch and supplier.

    Of batches and suppliers every piece that was fitted counts as if it had been in service all along: too large a
    share rather than too small a one, so that no batch is blamed for less than it did.
    """
    asked = _asked(keys)
    fitted, installed = defaultdict[Key, list[db.Row]](list), defaultdict[Key, list[db.Row]](list)
    for row in await db.fetch(_FITTED, clock.today(), *asked):
        fitted[row["dimension"], row["subject"]].append(row)
    for row in await db.fetch(_INSTALLED, clock.today(), *asked[:5]):
        installed[row["dimension"], row["subject"]].append(row)
    found: dict[Key, dict[Key, float]] = {}
    for key in keys:
        whole = fitted[key] if key[0] in ("batch", "supplier") else installed[key]
        total = sum(row["weight"] for row in whole)
        delivered = _shares(fitted[key], total)
        if whole is not fitted[key]:
            delivered = {each: share for each, share in delivered.items() if each[0] in ("batch", "supplier")}
        found[key] = {**_shares(whole, total), **delivered}
    return found


_FITTED = f"""
WITH rate AS ({_BELIEVED}), piece AS NOT MATERIALIZED (
    SELECT fitted_part.part, fitted_part.serial, fitted_part.document_number, device.model, device.firmware, device.site
    FROM fitted_part JOIN device ON device.id = fitted_part.device
), asked AS (
    SELECT 'part' AS dimension, part::text AS subject, piece.* FROM piece WHERE part = ANY($2::int[])
    UNION ALL
    SELECT 'model', model::text, piece.* FROM piece WHERE model = ANY($3::int[])
    UNION ALL
    SELECT 'firmware', model || ':' || firmware, piece.* FROM piece
    WHERE (model, firmware) IN (SELECT * FROM unnest($4::int[], $5::text[]))
    UNION ALL
    SELECT 'site', site::text, piece.* FROM piece WHERE site = ANY($6::int[])
    UNION ALL
    SELECT 'batch', NULL, piece.* FROM piece WHERE part = ANY($8::int[])
    UNION ALL
    SELECT 'supplier', NULL, piece.* FROM piece WHERE cardinality($9::int[]) > 0
), shown AS (
    SELECT asked.dimension, asked.part, asked.model, asked.firmware, asked.site, came.receipt, purchase_order.vendor,
           CASE asked.dimension WHEN 'batch' THEN came.receipt || ':' || asked.part
                                WHEN 'supplier' THEN purchase_order.vendor::text ELSE asked.subject END AS subject,
           rate.annual_rate AS weight
    FROM asked
    JOIN rate ON rate.part = asked.part
    CROSS JOIN LATERAL (SELECT {_CAME_WITH.replace("fitted.", "asked.")} AS receipt) AS came
    {_VENDOR_OF}
    WHERE CASE asked.dimension
              WHEN 'batch' THEN (came.receipt, asked.part) IN (SELECT * FROM unnest($7::uuid[], $8::int[]))
              WHEN 'supplier' THEN purchase_order.vendor = ANY($9::int[]) ELSE true END
)
SELECT dimension, subject, part, model, firmware, site, receipt, vendor, sum(weight)::float8 AS weight FROM shown
GROUP BY dimension, subject, part, model, firmware, site, receipt, vendor
"""
"""What was fitted of some series, by all that it may concentrate in."""

_INSTALLED = f"""
WITH rate AS ({_BELIEVED}), running AS NOT MATERIALIZED (
    SELECT model, firmware, site FROM device WHERE retired_on IS NULL
), counted AS (
    SELECT 'part' AS dimension, NULL AS subject, running.*, count(*) AS devices FROM running
    WHERE model IN (SELECT model FROM model_part WHERE part = ANY($2::int[]))
    GROUP BY model, firmware, site
    UNION ALL
    SELECT 'model', model::text, running.*, count(*) FROM running WHERE model = ANY($3::int[])
    GROUP BY model, firmware, site
    UNION ALL
    SELECT 'firmware', model || ':' || firmware, running.*, count(*) FROM running
    WHERE (model, firmware) IN (SELECT * FROM unnest($4::int[], $5::text[]))
    GROUP BY model, firmware, site
    UNION ALL
    SELECT 'site', site::text, running.*, count(*) FROM running WHERE site = ANY($6::int[])
    GROUP BY model, firmware, site
)
SELECT dimension, coalesce(subject, model_part.part::text) AS subject, model_part.part, model, firmware, site,
       NULL::uuid AS receipt, NULL::int AS vendor, (rate.annual_rate * per_device * devices)::float8 AS weight
FROM counted
JOIN model_part USING (model)
JOIN rate ON rate.part = model_part.part
WHERE dimension <> 'part' OR model_part.part = ANY($2::int[])
"""
"""What is installed of some series, by all that it may concentrate in."""


def _shares(rows: Sequence[db.Row], total: float) -> dict[Key, float]:
    """Each value's share of a total, capped at the whole."""
    weights: dict[Key, float] = defaultdict(float)
    for row in rows:
        of = {name: row[name] for name in ("part", "model", "firmware", "site", "receipt", "vendor")}
        for key in Failed(at=clock.now(), **of).belongs_to():
            weights[key] += row["weight"]
    return {key: min(1.0, weight / total) for key, weight in weights.items()} if total > 0 else {}


def concentrations_of(
    key: Key, failed: Sequence[Failed], began_at: datetime, shares: Mapping[Key, float]
) -> list[Concentration]:
    """What holds more of a series' failures since its run began than its share explains. Pure."""
    run = [each for each in failed if each.at >= began_at]
    counted = Counter(other for each in run for other in each.belongs_to())
    # without a share of its own nothing can be said of a value; the whole series is no concentration
    return radar.concentrations(
        {other: counted[other] for other in shares if other != key},
        {other: share for other, share in shares.items() if other != key},
        len(run),
    )


async def names_of(keys: Collection[Key]) -> dict[Key, tuple[str, int | None]]:
    """What series are called, and the site of a site's and the store of a batch's."""
    of: dict[str, list[str]] = {dimension: [] for dimension in DIMENSIONS}
    for dimension, subject in keys:
        of[dimension].append(subject)
    rows = await db.fetch(
        """SELECT 'part' AS dimension, id::text AS subject, part_number AS name, NULL::int AS place FROM part
           WHERE id::text = ANY($1)
           UNION ALL
           SELECT 'model', id::text, code, NULL FROM device_model WHERE id::text = ANY($2)
           UNION ALL
           SELECT 'firmware', asked.subject,
                  device_model.code || ' · ' || substr(asked.subject, strpos(asked.subject, ':') + 1), NULL
           FROM unnest($3::text[]) AS asked(subject)
           JOIN device_model ON device_model.id::text = split_part(asked.subject, ':', 1)
           UNION ALL
           SELECT 'batch', asked.subject, receipt.number || ' · ' || part.part_number, receipt.place
           FROM unnest($4::text[]) AS asked(subject)
           JOIN receipt ON receipt.id = split_part(asked.subject, ':', 1)::uuid
           JOIN part ON part.id::text = split_part(asked.subject, ':', 2)
           UNION ALL
           SELECT 'site', id::text, code, id FROM place WHERE id::text = ANY($5)
           UNION ALL
           SELECT 'supplier', vendor.id::text, party.code, NULL FROM vendor JOIN party ON party.id = vendor.party
           WHERE vendor.id::text = ANY($6)""",
        *(of[dimension] for dimension in DIMENSIONS),
    )
    return {(row["dimension"], row["subject"]): (row["name"], row["place"]) for row in rows}
