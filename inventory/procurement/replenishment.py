"""Replenishment: what levels lack of their base stocks, and one open proposal for each of them.

The inventory position of a level is what is free less what is waited for, and all that will come: ordered (also in draft),
in transit (also in draft), in repair, and in quarantine until it is inspected. What open emergency cases have under way is
part of that, since it is orders and transfers. A level whose position is at or under its reorder point, and under its base
stock, lacks what brings it back to the base stock.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue.grades import GRADES
from inventory.ground import clock, db, events, jobs, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Unknown
from inventory.procurement import replenishment_policy
from inventory.procurement.closures import closures_of_vendors
from inventory.procurement.provenance import grade_on
from inventory.stock.disclosure import serves
from optimizer.closures import days_taken

REPLENISHMENT = service("replenishment")

LEAST_GRADE = "authorised_channel"
"""Whom common stock is ordered from at least; a contract's own pool asks for what its contract does."""

Key = tuple[int, int, int]
"""A level: the ids of its part, place and pool."""

State = Literal["open", "drafted", "declined", "withdrawn"]


class Facts(Struct, frozen=True, kw_only=True):
    """The pieces of a position, in units, and what it is held against; `for_cases` is part of the others.

    position = free − backordered + on_order + drafted + in_transit + transfers_drafted + in_repair + inspecting

    `rate_per_day` × `resupply_days` is the demand expected until a new piece comes, by the plan in force.
    """

    free: int
    backordered: int
    on_order: int
    drafted: int
    in_transit: int
    transfers_drafted: int
    in_repair: int
    inspecting: int
    for_cases: int
    reorder_point: int | None
    average_failure_line: int | None
    rate_per_day: float | None
    resupply_days: float | None

    @property
    def position(self) -> int:
        """The inventory position.

        >>> none = dict.fromkeys(Facts.__struct_fields__, 0)
        >>> Facts(**{**none, "free": 2, "backordered": 1, "drafted": 4, "for_cases": 4}).position
        5
        """
        coming = self.on_order + self.drafted + self.in_transit + self.transfers_drafted
        return self.free - self.backordered + coming + self.in_repair + self.inspecting


class Candidate(Struct, frozen=True, kw_only=True):
    """An offer for what is lacking: how many it would be, and whether its grade will do.

    `unit_price_cny` and `order_fee_cny` are payable with tax, `unit_cost_cny` is what offers are compared by;
    `framework_number` is the framework contract (框架协议) that the price comes from.
    """

    vendor: str
    grade: str
    admitted: bool
    quantity: int
    minimum_quantity: int
    lot_size: int
    maximum_quantity: int
    lead_time_days: float
    framework_number: str | None = None
    unit_price_cny: Decimal | UnsetType = UNSET
    unit_cost_cny: Decimal | UnsetType = UNSET
    order_fee_cny: Decimal | UnsetType = UNSET


class Bundle(Struct, frozen=True, kw_only=True):
    """The order that a proposal would be part of: with how many others, and whether no better one exists (`proven`)."""

    vendor: str
    lines: int
    proven: bool
    reaches_minimum: bool
    goods_cny: Decimal | UnsetType = UNSET
    fees_cny: Decimal | UnsetType = UNSET
    minimum_order_cny: Decimal | UnsetType = UNSET


class ProposalView(Struct, frozen=True, kw_only=True):
    """A proposal with its explanation, as it was when it was last sized (`resized_at`).

    `vendor` is empty where nobody offers the part by a channel that will do. `expected_at` is when it would come if it were
    ordered now, by the vendor's lead time and closures.
    """

    id: UUID
    number: str
    part_number: str
    name_zh: str
    name_en: str
    depot: str
    pool: str
    state: State
    urgent: bool
    waits: bool
    base_stock: int
    position: int
    needed: int
    quantity: int
    vendor: str | None
    vendor_zh: str | None
    vendor_en: str | None
    facts: Facts
    offers: list[Candidate]
    bundle: Bundle | None
    opened_at: datetime
    resized_at: datetime
    waits_until: datetime
    answered_at: datetime | None
    answered_by: str | None
    reason: str
    declined_until: datetime | None
    lapsed_at: datetime | None
    order: UUID | None
    order_number: str | None
    ordered_quantity: int | None
    expected_at: datetime | None = None
    unit_price_cny: Decimal | UnsetType | None = UNSET
    amount_cny: Decimal | UnsetType | None = UNSET

    @property
    def chosen(self) -> Candidate | None:
        """The offer it would be ordered by."""
        return next((each for each in self.offers if each.vendor == self.vendor), None)


class Proposed(Struct, frozen=True, kw_only=True):
    """What looking at the levels brought, in numbers of proposals."""

    opened: int
    resized: int
    withdrawn: int
    lapsed: int


_ASKED = "(level.part, level.place, level.pool) IN (SELECT * FROM unnest($1::int[], $2::int[], $3::int[]))"
_EVERY = "($1::int[], $2::int[], $3::int[]) IS NOT NULL"


def _positions(*, some: bool) -> str:
    """The common table expressions that reckon positions (`held`): of every level with a base stock, or of some of them."""
    asked = _ASKED if some else _EVERY
    of_part = "= ANY($1)" if some else "IS NOT NULL"
    return f"""
stocked AS MATERIALIZED (
    SELECT level.part, level.place, level.pool, level.owner, free, backordered, base_stock, reorder_point,
           average_failure_line, rate_per_day, resupply_days
    FROM level
    JOIN party ON party.id = level.owner AND party.is_ourselves
    JOIN place ON place.id = level.place AND place.kind IN ('depot', 'onsite_store') AND place.out_of_service_at IS NULL
    WHERE level.condition = 'good' AND base_stock IS NOT NULL AND {asked}
), coming AS (
    SELECT part, place, pool,
           sum(units) FILTER (WHERE piece = 'on_order')::int AS on_order,
           sum(units) FILTER (WHERE piece = 'drafted')::int AS drafted,
           sum(units) FILTER (WHERE piece = 'in_transit')::int AS in_transit,
           sum(units) FILTER (WHERE piece = 'transfers_drafted')::int AS transfers_drafted,
           sum(units) FILTER (WHERE piece = 'in_repair')::int AS in_repair,
           sum(units) FILTER (WHERE piece = 'inspecting')::int AS inspecting,
           sum(units) FILTER (WHERE for_case)::int AS for_cases
    FROM (
        SELECT due.part, due.place, due.pool,
               CASE source_kind WHEN 'transfer_line' THEN 'in_transit' WHEN 'return' THEN 'in_repair' ELSE 'on_order' END
                   AS piece,
               greatest(due.quantity - due.received_quantity, 0) AS units,
               coalesce(purchase_order.case_number, transfer.case_number) IS NOT NULL AS for_case
        FROM expected_delivery AS due
        LEFT JOIN purchase_order_line ON source_kind = 'purchase_order_line' AND purchase_order_line.id = source
        LEFT JOIN purchase_order ON purchase_order.id = purchase_order_line.purchase_order
        LEFT JOIN transfer_line ON source_kind = 'transfer_line' AND transfer_line.id = source
        LEFT JOIN transfer ON transfer.id = transfer_line.transfer
        WHERE due.closed_at IS NULL AND due.part {of_part}
        UNION ALL
        -- an order is expected once it is placed; until then its lines say what it will bring
        SELECT line.part, ship_to, pool, 'drafted', quantity, case_number IS NOT NULL
        FROM purchase_order JOIN purchase_order_line AS line ON line.purchase_order = purchase_order.id
        WHERE state IN ('draft', 'approved') AND line.part {of_part}
        UNION ALL
        SELECT line.part, to_place, line.pool, 'transfers_drafted', quantity, case_number IS NOT NULL
        FROM transfer
        JOIN transfer_line AS line ON line.transfer = transfer.id
        JOIN party ON party.id = line.owner AND party.is_ourselves
        WHERE state IN ('proposed', 'draft') AND line.part {of_part}
        UNION ALL
        SELECT level.part, place, pool, 'inspecting', on_hand, false
        FROM level JOIN party ON party.id = level.owner AND party.is_ourselves
        WHERE condition = 'quarantine' AND on_hand > 0 AND level.part {of_part}
    ) AS due
    GROUP BY part, place, pool
), held AS MATERIALIZED (
    SELECT stocked.*, coalesce(on_order, 0) AS on_order, coalesce(drafted, 0) AS drafted,
           coalesce(in_transit, 0) AS in_transit, coalesce(transfers_drafted, 0) AS transfers_drafted,
           coalesce(in_repair, 0) AS in_repair, coalesce(inspecting, 0) AS inspecting, coalesce(for_cases, 0) AS for_cases,
           free - backordered + coalesce(on_order, 0) + coalesce(drafted, 0) + coalesce(in_transit, 0)
               + coalesce(transfers_drafted, 0) + coalesce(in_repair, 0) + coalesce(inspecting, 0) AS position
    FROM stocked LEFT JOIN coming USING (part, place, pool)
)"""


def _propose(*, some: bool) -> str:
    """The statement that makes proposals, sizes them anew, withdraws them, and lets refusals lapse."""
    of_asked = _ASKED.replace("level.", "proposal.") if some else _EVERY
    return f"""
WITH {_positions(some=some)}, lacking AS MATERIALIZED (
    SELECT held.*, base_stock - position AS needed, position <= coalesce(average_failure_line, -1) AS urgent,
           jsonb_build_object('free', free, 'backordered', backordered, 'on_order', on_order, 'drafted', drafted,
               'in_transit', in_transit, 'transfers_drafted', transfers_drafted, 'in_repair', in_repair,
               'inspecting', inspecting, 'for_cases', for_cases, 'reorder_point', reorder_point,
               'average_failure_line', average_failure_line, 'rate_per_day', rate_per_day,
               'resupply_days', resupply_days) AS facts
    FROM held
    WHERE position < base_stock AND position <= coalesce(reorder_point, base_stock - 1)
), lapsed AS (
    UPDATE replenishment_proposal AS proposal SET lapsed_at = $4
    FROM held
    WHERE proposal.state = 'declined' AND proposal.lapsed_at IS NULL
      AND (proposal.part, proposal.place, proposal.pool) = (held.part, held.place, held.pool)
      AND (proposal.declined_until <= $4 OR held.base_stock <> proposal.base_stock OR held.position < proposal.position
           OR held.position >= held.base_stock OR held.position > coalesce(held.reorder_point, held.base_stock - 1))
    RETURNING proposal.id
), wanted AS MATERIALIZED (
    SELECT lacking.*, proposal.id AS open_one
    FROM lacking
    LEFT JOIN replenishment_proposal AS proposal
         ON proposal.state = 'open' AND (proposal.part, proposal.place, proposal.pool)
                                      = (lacking.part, lacking.place, lacking.pool)
    WHERE NOT EXISTS (
            SELECT FROM replenishment_proposal AS declined
            WHERE declined.state = 'declined' AND declined.lapsed_at IS NULL
              AND (declined.part, declined.place, declined.pool) = (lacking.part, lacking.place, lacking.pool)
              AND declined.id NOT IN (SELECT id FROM lapsed))
      AND ($9 OR proposal.id IS NULL OR (proposal.base_stock, proposal.position, proposal.urgent, proposal.facts)
                                        IS DISTINCT FROM (lacking.base_stock, lacking.position, lacking.urgent, lacking.facts))
), offered AS MATERIALIZED (
    SELECT DISTINCT ON (offer.part, offer.vendor) offer.*, party.code AS seller, {grade_on("$5::date")} AS grade
    FROM offers_on($5::date) AS offer
    JOIN vendor ON vendor.id = offer.vendor AND vendor.active
    JOIN party ON party.id = vendor.party
    JOIN part ON part.id = offer.part
    WHERE offer.part IN (SELECT part FROM wanted)
    ORDER BY offer.part, offer.vendor, offer.valid_from DESC
), priced AS (
    SELECT wanted.part, wanted.place, wanted.pool, offered.vendor, seller, grade, size.quantity, price.cny, price.cost,
           order_fee_cny, order_fee_cost_cny, minimum_quantity, lot_size, maximum_quantity, lead_time_days, framework_number,
           admitted,
           row_number() OVER (PARTITION BY wanted.part, wanted.place, wanted.pool
                              ORDER BY admitted DESC, least(size.quantity, needed) DESC,
                                       size.quantity * price.cost + order_fee_cost_cny, seller) AS rank
    FROM wanted
    JOIN pool ON pool.id = wanted.pool
    LEFT JOIN contract ON contract.id = pool.contract
    JOIN offered ON offered.part = wanted.part
    CROSS JOIN LATERAL (
        SELECT least((greatest(minimum_quantity, needed) + lot_size - 1) / lot_size * lot_size,
                     maximum_quantity / lot_size * lot_size) AS quantity,
               array_position($6::text[], grade) <= array_position($6::text[], coalesce(contract.minimum_provenance, $7))
                   AS admitted
    ) AS size
    CROSS JOIN LATERAL (
        SELECT payable_cny(quoted, tax_percent, includes_tax, cny_per_100) AS cny,
               cost_cny(quoted, invoice_kind, tax_percent, includes_tax, cny_per_100) AS cost
        FROM price_at(offered.id, size.quantity, unit_price) AS quoted
    ) AS price
    WHERE size.quantity >= minimum_quantity AND size.quantity > 0
), chosen AS MATERIALIZED (
    SELECT wanted.*, best.vendor, coalesce(best.quantity, needed) AS quantity, coalesce(best.choice, '[]') AS choice
    FROM wanted
    LEFT JOIN (
        SELECT part, place, pool, max(vendor) FILTER (WHERE rank = 1 AND admitted) AS vendor,
               max(quantity) FILTER (WHERE rank = 1 AND admitted) AS quantity,
               jsonb_agg(jsonb_build_object('vendor', seller, 'grade', grade, 'admitted', admitted, 'quantity', quantity,
                   'minimum_quantity', minimum_quantity, 'lot_size', lot_size, 'maximum_quantity', maximum_quantity,
                   'lead_time_days', lead_time_days,
                   'framework_number', framework_number, 'unit_price_cny', cny::text, 'unit_cost_cny', cost::text,
                   'order_fee_cny', order_fee_cny::text)
                   ORDER BY rank) AS choice
        FROM priced WHERE rank <= 8 GROUP BY part, place, pool
    ) AS best USING (part, place, pool)
), resized AS (
    UPDATE replenishment_proposal AS proposal
    SET base_stock = chosen.base_stock, position = chosen.position, needed = chosen.needed, urgent = chosen.urgent,
        facts = chosen.facts, vendor = chosen.vendor, quantity = chosen.quantity, choice = chosen.choice,
        resized_at = $4, bundled_at = NULL, waits = false, bundle = '{{}}'
    FROM chosen WHERE proposal.id = chosen.open_one AND proposal.state = 'open'
    RETURNING CASE WHEN old.needed = new.needed AND old.urgent = new.urgent THEN 'told' ELSE 'resized' END AS what, new.*
), opened AS (
    INSERT INTO replenishment_proposal (number, part, place, pool, state, base_stock, position, needed, urgent, facts,
                                        vendor, quantity, choice, opened_at, resized_at, waits_until)
    SELECT format('RP-%s-%s', to_char($5::date, 'YY'), lpad(nextval('document_number')::text, 6, '0')), part, place, pool,
           'open', base_stock, position, needed, urgent, facts, vendor, quantity, choice, $4, $4, $8
    FROM chosen WHERE open_one IS NULL
    ORDER BY part, place, pool
    ON CONFLICT (part, place, pool) WHERE state = 'open' DO NOTHING
    RETURNING 'proposed' AS what, replenishment_proposal.*
), withdrawn AS (
    UPDATE replenishment_proposal AS proposal SET state = 'withdrawn', answered_at = $4, answered_by = $10
    WHERE proposal.state = 'open' AND {of_asked}
      AND NOT EXISTS (SELECT FROM lacking
                      WHERE (lacking.part, lacking.place, lacking.pool) = (proposal.part, proposal.place, proposal.pool))
    RETURNING 'withdrawn' AS what, proposal.*
)
SELECT what, number, part.part_number, place.code AS depot, pool.code AS pool, contract.code AS contract, base_stock,
       position, needed, quantity, urgent, party.code AS vendor, (SELECT count(*) FROM lapsed)::int AS lapsed
FROM (SELECT 1) AS always
LEFT JOIN (SELECT * FROM opened UNION ALL SELECT * FROM resized UNION ALL SELECT * FROM withdrawn) AS changed ON true
LEFT JOIN part ON part.id = changed.part
LEFT JOIN place ON place.id = changed.place
LEFT JOIN pool ON pool.id = changed.pool
LEFT JOIN contract ON contract.id = pool.contract
LEFT JOIN vendor ON vendor.id = changed.vendor
LEFT JOIN party ON party.id = vendor.party
ORDER BY number
"""


PROPOSE_SOME, PROPOSE_ALL = _propose(some=True), _propose(some=False)


async def hold_others() -> None:
    """Let nobody else make or answer proposals until this transaction ends: who reckons a position must see all answers."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('replenishment'))")


@db.atomic
async def propose(keys: Sequence[Key] | None = None, *, by: Actor = REPLENISHMENT, afresh: bool = False) -> Proposed:
    """Propose what levels lack: make proposals, size open ones anew, withdraw those that are needed no more.

    A level whose proposal was declined is left alone until that lapses: at its day, when the base stock is another, when
    the position falls further, or when nothing was lacking meanwhile. What was ordered counts in the position. The same
    number of statements, however many levels.

    Args:
        keys: the levels to look at; None means every one with a base stock.
        by: who is said to withdraw what is needed no more.
        afresh: choose vendors anew also for proposals of which nothing changed, since offers may have.

    """
    await hold_others()
    policy = (await replenishment_policy.in_force()).policy
    now = clock.now()
    columns: list[list[int]] = [list(column) for column in zip(*keys, strict=True)] if keys else [[], [], []]
    rows = await db.fetch(
        PROPOSE_ALL if keys is None else PROPOSE_SOME,
        *columns,
        now,
        clock.today(),
        list(GRADES),
        LEAST_GRADE,
        now + timedelta(days=policy.bundling_days),
        afresh,
        by.name,
    )
    changed = [row for row in rows if row["what"] is not None]
    await events.emit_many([_event(row) for row in changed if row["what"] != "told"])
    await keep_duties(policy, by=by)
    if any(row["what"] != "withdrawn" for row in changed):
        await jobs.enqueue(jobs.BundleOrders())
    counts = [row["what"] for row in changed]
    return Proposed(
        opened=counts.count("proposed"),
        resized=counts.count("resized") + counts.count("told"),
        withdrawn=counts.count("withdrawn"),
        lapsed=rows[0]["lapsed"],
    )


def _event(row: db.Row) -> events.NewEvent:
    told = (
        "number",
        "part_number",
        "depot",
        "pool",
        "base_stock",
        "position",
        "needed",
        "quantity",
        "urgent",
        "vendor",
    )
    return events.NewEvent(
        kind=f"replenishment.{row['what']}",
        subject_kind="replenishment_proposal",
        subject=row["number"],
        payload={name: row[name] for name in told},
        depot=row["depot"],
        contract=row["contract"],
        closed=True,
    )


ROUTINE_DUTY, URGENT_DUTY = "answer_replenishment", "answer_urgent_replenishment"


async def keep_duties(policy: replenishment_policy.ReplenishmentPolicy, *, by: Actor) -> None:
    """Have one duty per store to answer its proposals, one more for the urgent ones, as long as any are open."""
    rows = await db.fetch(
        """SELECT place.code AS depot, bool_or(urgent) AS urgent FROM replenishment_proposal
           JOIN place ON place.id = replenishment_proposal.place
           WHERE state = 'open' GROUP BY place.code ORDER BY place.code"""
    )
    for kind, stores, hours in (
        (ROUTINE_DUTY, [row["depot"] for row in rows], policy.answer_hours),
        (URGENT_DUTY, [row["depot"] for row in rows if row["urgent"]], policy.urgent_hours),
    ):
        within = timedelta(hours=hours)
        await steps.keep(kind, "replenishment", stores, owner_role="buyer", within=within, by=by, are_stores=True)


_VIEW = f"""
SELECT proposal.id, proposal.number, part.part_number, part.name_zh, part.name_en, place.code AS depot, pool.code AS pool,
       proposal.state, urgent, waits, base_stock, position, needed, proposal.quantity, party.code AS vendor,
       party.name_zh AS vendor_zh, party.name_en AS vendor_en, facts, choice AS offers,
       nullif(bundle, '{{}}') AS bundle, opened_at, resized_at, waits_until, answered_at, answered_by, reason,
       declined_until, lapsed_at, purchase_order.id AS "order", purchase_order.number AS order_number, ordered_quantity
FROM replenishment_proposal AS proposal
JOIN part ON part.id = proposal.part
JOIN place ON place.id = proposal.place
JOIN pool ON pool.id = proposal.pool
LEFT JOIN vendor ON vendor.id = proposal.vendor
LEFT JOIN party ON party.id = vendor.party
LEFT JOIN purchase_order ON purchase_order.id = proposal.purchase_order
WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND {serves("pool", "$2")}
"""


async def proposals(
    *,
    limit: int,
    seen_by: Actor,
    after: tuple[bool, UUID] | None = None,
    state: State | None = None,
    depot: str | None = None,
    vendor: str | None = None,
    part_number: str | None = None,
    urgent: bool | None = None,
    numbers: Sequence[UUID] | None = None,
) -> list[ProposalView]:
    """Proposals in the reader's stores and for their contracts, the urgent ones first, then the latest."""
    was_urgent, proposal = after or (None, None)
    found = await db.read(
        ProposalView,
        f"""{_VIEW}
            AND ($3::bool IS NULL OR (urgent, proposal.id) < ($3, $4::uuid))
            AND ($5::text IS NULL OR proposal.state = $5) AND ($6::text IS NULL OR place.code = $6)
            AND ($7::text IS NULL OR party.code = $7) AND ($8::text IS NULL OR part.part_number = $8)
            AND ($9::bool IS NULL OR urgent = $9) AND ($10::uuid[] IS NULL OR proposal.id = ANY($10))
            ORDER BY urgent DESC, proposal.id DESC LIMIT $11""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        was_urgent,
        proposal,
        state,
        depot,
        vendor,
        part_number,
        urgent,
        None if numbers is None else list(numbers),
        limit,
    )
    return [shown_to(view, seen_by) for view in await _expected(found)]


async def proposal_view(proposal: UUID, *, seen_by: Actor) -> ProposalView:
    """One proposal.

    Raises:
        Unknown: no such proposal in the reader's scope.

    """
    found = await proposals(limit=1, seen_by=seen_by, numbers=[proposal])
    if not found:
        raise Unknown(what="replenishment proposal", what_zh="补货建议", key=str(proposal))
    return found[0]


async def _expected(views: Sequence[ProposalView]) -> list[ProposalView]:
    """The same with when each would come if it were ordered now, and what is payable for it at its vendor's price."""
    if not any(view.vendor for view in views):
        return list(views)
    today = clock.today()
    closed = await closures_of_vendors(today)
    ids = {
        row["code"]: row["id"]
        for row in await db.fetch(
            "SELECT party.code, vendor.id FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = ANY($1)",
            sorted({view.vendor for view in views if view.vendor}),
        )
    }
    told: list[ProposalView] = []
    for view in views:
        chosen = view.chosen
        if chosen is None:
            told.append(view)
            continue
        price = chosen.unit_price_cny if isinstance(chosen.unit_price_cny, Decimal) else None
        days = days_taken(chosen.lead_time_days, today, closed[ids[chosen.vendor]])
        told.append(
            structs.replace(
                view,
                expected_at=clock.now().astimezone(UTC) + timedelta(days=days) if view.state == "open" else None,
                unit_price_cny=price,
                amount_cny=None if price is None else price * (view.ordered_quantity or view.quantity),
            )
        )
    return told


def shown_to(view: ProposalView, seen_by: Actor) -> ProposalView:
    """The proposal without prices, for those who may not see them."""
    if seen_by.may("costs.read"):
        return view
    return structs.replace(
        view,
        unit_price_cny=UNSET,
        amount_cny=UNSET,
        offers=[
            structs.replace(each, unit_price_cny=UNSET, unit_cost_cny=UNSET, order_fee_cny=UNSET)
            for each in view.offers
        ],
        bundle=view.bundle and structs.replace(view.bundle, goods_cny=UNSET, fees_cny=UNSET, minimum_order_cny=UNSET),
    )


class Position(Struct, frozen=True, kw_only=True):
    """A level's position with its pieces."""

    base_stock: int
    position: int
    facts: Facts


async def position(key: Key) -> Position | None:
    """The inventory position of a level with a base stock; None where it has none."""
    row = await db.fetch_one(f"WITH {_positions(some=True)} SELECT * FROM held", *([each] for each in key))
    if row is None:
        return None
    columns: dict[str, Any] = dict(row)
    facts = msgspec.convert({name: columns[name] for name in Facts.__struct_fields__}, Facts)
    return Position(base_stock=row["base_stock"], position=row["position"], facts=facts)
