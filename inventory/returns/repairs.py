"""Repairs (维修单): a defective unit on our bench or at a vendor, until it passed its test or is beyond repair.

A repaired unit is in test, and good only by a passed test with who and what. How long repairs take is measured by what they
took, and tells when the next one is due back: the position of the stock and the plan reckon with that.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal
from uuid import UUID

from msgspec import UNSET, Struct, UnsetType, structs

from inventory.catalogue import parts
from inventory.ground import audit, clock, db, events, steps
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, ReasonMissing, Refused, Unknown, WrongState
from inventory.ground.numbers import next_number
from inventory.installed_base.failures import code_of
from inventory.places import places
from inventory.procurement import release
from inventory.stock import conditions, expected, reservations
from inventory.stock.pieces import Pieces, choose
from inventory.stock.refusals import UnitNotHere

State = Literal["opened", "in_work", "in_test", "passed", "beyond_repair", "cancelled"]
Bench = Literal["own", "vendor"]
Resolution = Literal["part_replaced", "reworked", "cleaned", "firmware", "adjusted", "no_fault_found", "other"]

OWN_DAYS, VENDOR_DAYS = 5.0, 15.0
"""How long a repair is taken to last where none was measured and no offer says."""

MEASURED = 50
"""How many of the latest repairs a lead time is measured by."""

TEST_WITHIN = timedelta(days=2)
"""How soon a repaired unit should have been tested."""


class RepairOpenAlready(Refused, constraint="repair_order_is_open_once_per_unit"):
    """This unit is being repaired already."""

    zh = "该单件已有未结的维修单。"
    help_en = "Go on with the repair that is open."
    help_zh = "请继续办理已有的维修单。"


class NotToRepair(Refused):
    """{serial} is {condition}; what is repaired is defective or held back."""

    zh = "{serial} 状态为“{condition}”；只有坏件或隔离、待判定的单件可以维修。"
    help_en = "Judge the unit defective first."
    help_zh = "请先将该件判定为坏件。"


class LeavesByRma(Refused):
    """{serial} is on RMA {rma}, and is repaired by its vendor."""

    zh = "{serial} 在返修单 {rma} 上，由供应商维修。"
    help_en = "Cancel that RMA before it leaves, or wait for the vendor's answer."
    help_zh = "请在寄出前撤销该返修单，或等待供应商答复。"


class OnTheBench(Refused):
    """{serial} is being repaired by {repair}, which is open."""

    zh = "{serial} 正在维修（{repair}，未结）。"
    help_en = "Finish, test, give up or cancel that repair first; what is found of the unit is written down there."
    help_zh = "请先完成、检验、放弃或取消该维修单；该件的检验结果在维修单上登记。"


class AtTheVendor(Refused):
    """{repair} is done by a vendor; it goes on with RMA {rma}."""

    zh = "{repair} 由供应商维修，须通过返修单 {rma} 办理。"
    help_en = "Write down the vendor's answer on the RMA."
    help_zh = "请在返修单上登记供应商的答复。"


class ResolutionMissing(Invalid):
    """A finished repair says what was done."""

    zh = "完工须填写处理说明。"
    help_en = "Give the resolution in a few words beside its code."
    help_zh = "请在处理代码之外简要说明所做的处理。"


class UsedPart(Struct, frozen=True, kw_only=True):
    """A part that went into a repair."""

    part_number: str
    name_zh: str
    name_en: str
    quantity: int
    serials: list[str]
    used_at: datetime
    used_by: str


class RepairView(Struct, frozen=True, kw_only=True):
    """A repair with what it took; its costs are told to those who may see prices."""

    id: UUID
    number: str
    bench: Bench
    part_number: str
    name_zh: str
    name_en: str
    unit: UUID
    serial: str
    depot: str
    pool: str
    owner: str
    ours: bool
    contract: str | None
    vendor: str | None
    rma: str | None
    rma_id: UUID | None
    state: State
    failure_code: str | None
    complaint: str
    diagnosis: str
    resolution_code: Resolution | None
    resolution: str
    technician: str | None
    labour_minutes: int
    scrapping: str | None
    opened_at: datetime
    opened_by: str
    due_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    finished_by: str | None
    passed_at: datetime | None
    passed_by: str | None
    closed_at: datetime | None
    reason: str
    parts: list[UsedPart]
    labour_cny: Decimal | UnsetType | None
    vendor_cost_cny: Decimal | UnsetType | None

    @property
    def days(self) -> float | None:
        """How long it took from start to pass, in days."""
        if self.passed_at is None or self.started_at is None:
            return None
        return (self.passed_at - self.started_at) / timedelta(days=1)


class LeadTime(Struct, frozen=True, kw_only=True):
    """How long repairs of a part took at a vendor (None: on our bench): the mean in days, and of how many."""

    part_number: str
    name_zh: str
    name_en: str
    vendor: str | None
    repairs: int
    mean_days: float
    longest_days: float


@db.atomic
async def open_repair(
    depot: str,
    part_number: str,
    serial: str,
    *,
    by: Actor,
    complaint: str = "",
    failure_code: str | None = None,
    technician: str | None = None,
) -> RepairView:
    """Open a repair on our own bench of a unit that lies in a store; one of ours is expected back by what repairs took.

    Raises:
        Unknown: no such store, part or unit.
        NotYourDepot: the actor does not serve the store.
        UnitNotHere: it lies elsewhere.
        NotToRepair: it is good, or its condition asks for no repair.
        RepairOpenAlready, LeavesByRma: it is being repaired, or goes to a vendor.

    """
    by.require("repairs.work")
    by.require_depot(depot)
    place, part = await places.find_store(depot), await parts.find(part_number)
    unit = await db.fetch_one(
        """SELECT unit.id, unit.serial, unit.condition, unit.place,
                  (SELECT rma.number FROM rma_line JOIN rma ON rma.id = rma_line.rma
                   WHERE rma_line.unit = unit.id AND rma_line.closed_at IS NULL) AS rma
           FROM unit WHERE part = $1 AND (serial = $2 OR tag = $2) FOR NO KEY UPDATE""",
        part.id,
        serial,
    )
    if unit is None:
        raise Unknown(what="unit", what_zh="单件", key=serial)
    if unit["place"] != place.id:
        raise UnitNotHere(serial=serial, depot=depot, condition="defective")
    if unit["condition"] not in ("defective", "unknown", "quarantine"):
        raise NotToRepair(serial=serial, condition=unit["condition"])
    if unit["rma"] is not None:
        raise LeavesByRma(serial=serial, rma=unit["rma"])
    if unit["condition"] != "defective":
        which = Pieces(
            depot,
            part.part_number,
            serials=[unit["serial"]],
            pool=await _pool(unit["id"]),
            owner=await _owner(unit["id"]),
        )
        await conditions.change(
            await choose(which, unit["condition"]),
            "defective",
            by=by,
            result="failed" if unit["condition"] == "quarantine" else "open",
            finding=complaint.strip() or "to be repaired",
        )
    repair = await _insert(
        unit["id"], place.id, bench="own", by=by, complaint=complaint, failure_code=failure_code, technician=technician
    )
    return await _turned(repair, "opened", by=by)


async def require_off_bench(units: Sequence[UUID]) -> None:
    """Refuse units that are being repaired, for a verb that locked them and would have them go elsewhere.

    Raises:
        OnTheBench: the repair of one is open.

    """
    await _require_off_bench("unit.id = ANY($1)", list(units))


async def _require_off_bench(condition: str, *of: object) -> None:
    repair = await db.fetch_one(
        f"""SELECT repair_order.number, unit.serial FROM repair_order JOIN unit ON unit.id = repair_order.unit
            WHERE repair_order.closed_at IS NULL AND {condition} ORDER BY repair_order.number LIMIT 1""",
        *of,
    )
    if repair is not None:
        raise OnTheBench(serial=repair["serial"], repair=repair["number"])


@db.atomic
async def found_to_be(
    which: Pieces, was: conditions.Condition, becomes: conditions.Condition, *, by: Actor, finding: str
) -> list[conditions.InspectionView]:
    """Record what pieces that nobody repairs were found to be, as `procurement.release.found_to_be`.

    What is on a bench is tested by its repair: only so is it known what the repair came to, and how long it took.

    Raises:
        OnTheBench: one of them is being repaired.
        Unknown: no such part.

    """
    found = await release.found_to_be(which, was, becomes, by=by, finding=finding)
    await _require_no_repair(which)
    return found


@db.atomic
async def propose_scrap(which: Pieces, *, by: Actor, reason: str) -> list[conditions.ScrappingView]:
    """Propose to scrap pieces that nobody repairs, as `stock.conditions.propose_scrap`; a repair is given up instead.

    Raises:
        OnTheBench: one of them is being repaired.
        Unknown: no such part.

    """
    proposed = await conditions.propose_scrap(which, by=by, reason=reason)
    await _require_no_repair(which)
    return proposed


async def _require_no_repair(which: Pieces) -> None:
    """Looked at last: the verb locked the units, so that no repair of them is opened meanwhile."""
    if which.serials:
        part = await parts.find(which.part_number)
        await _require_off_bench("unit.part = $1 AND unit.serial = ANY($2)", part.id, list(which.serials))


@db.atomic
async def begin_at_vendor(
    rma_line: UUID, unit: UUID, place: int, *, vendor: int, by: Actor, promised_at: datetime | None = None
) -> None:
    """Open the repair of a unit that a vendor repairs, on behalf of the verb that sent it there.

    Raises:
        RepairOpenAlready: it is being repaired already.

    """
    row = await db.fetch_one("SELECT failure_code, complaint FROM rma_line WHERE id = $1", rma_line)
    repair = await _insert(
        unit,
        place,
        bench="vendor",
        by=by,
        complaint=row["complaint"] if row else "",
        failure_code=row["failure_code"] if row else None,
        vendor=vendor,
        rma_line=rma_line,
        promised_at=promised_at,
    )
    await _turned(repair, "opened", by=by)


async def _insert(
    unit: UUID,
    place: int,
    *,
    bench: Bench,
    by: Actor,
    complaint: str,
    failure_code: str | None,
    technician: str | None = None,
    vendor: int | None = None,
    rma_line: UUID | None = None,
    promised_at: datetime | None = None,
) -> UUID:
    """Write a repair, and expect the unit back where it is ours."""
    now = clock.now()
    held = await db.fetch_one(
        """SELECT unit.part, unit.pool, unit.owner, party.is_ourselves AS ours, pool.contract, place.code AS depot
           FROM unit JOIN party ON party.id = unit.owner JOIN pool ON pool.id = unit.pool JOIN place ON place.id = $2
           WHERE unit.id = $1""",
        unit,
        place,
    )
    if held is None:
        raise AssertionError("a unit that is being repaired is there")
    due_at = promised_at or now + timedelta(days=await usual_days(held["part"], vendor))
    number = await next_number("RP")
    repair = await db.fetch_value(
        """INSERT INTO repair_order (number, bench, unit, part, place, pool, owner, contract, vendor, rma_line, state,
                                     failure_code, complaint, technician, opened_at, opened_by, due_at, started_at)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18)
           ON CONFLICT (unit) WHERE closed_at IS NULL DO NOTHING RETURNING id""",
        number,
        bench,
        unit,
        held["part"],
        place,
        held["pool"],
        held["owner"],
        # a customer's own unit is repaired for the contract under which it was collected
        held["contract"]
        or await db.fetch_value("SELECT contract FROM collection WHERE unit = $1 AND closed_at IS NULL", unit),
        vendor,
        rma_line,
        "in_work" if bench == "vendor" else "opened",
        code_of(failure_code),
        complaint.strip(),
        technician,
        now,
        by.name,
        due_at,
        now if bench == "vendor" else None,
    )
    if repair is None:
        raise RepairOpenAlready
    if held["ours"]:
        await expected.expect(
            held["part"],
            place,
            held["pool"],
            1,
            due_at=due_at,
            source_kind="return",
            source=repair,
            confirmed=promised_at is not None,
        )
    if bench == "own":
        await steps.begin(
            "do_repair", "repair_order", number, owner_role="warehouse_keeper", depot=held["depot"], due_at=due_at
        )
    return repair


async def usual_days(part: int, vendor: int | None) -> float:
    """How long the next repair of a part should take, in days: the mean of what the latest ones took there.

    The mean is what a stock model of a repair loop needs: by Palm's theorem (C. Palm, 1938; Sherbrooke, *Optimal Inventory
    Modeling of Systems*, 2.4) the number in repair depends on the lead time's mean alone. Where none was measured, what the
    vendor's offer says, else what is usual.
    """
    return await db.fetch_value(
        f"""SELECT coalesce(
               (SELECT avg({_DAYS}) FROM (
                    SELECT passed_at, started_at FROM repair_order
                    WHERE part = $1 AND vendor IS NOT DISTINCT FROM $2 AND state = 'passed'
                    ORDER BY passed_at DESC LIMIT {MEASURED}) AS latest),
               (SELECT repair_days FROM offer
                WHERE offer.part = $1 AND offer.vendor = $2 AND repair_days IS NOT NULL
                ORDER BY valid_from DESC LIMIT 1),
               CASE WHEN $2::int IS NULL THEN {OWN_DAYS} ELSE {VENDOR_DAYS} END)::float8""",
        part,
        vendor,
    )


_DAYS = "extract(epoch FROM passed_at - started_at) / 86400"


@db.atomic
async def start(repair: UUID, *, by: Actor, technician: str | None = None) -> RepairView:
    """Begin the work: the lead time runs from here.

    Raises:
        Unknown, NotYourDepot, WrongState, AtTheVendor: as `_lock`; only what was opened is begun.

    """
    by.require("repairs.work")
    await _lock(repair, ("opened",), by=by)
    await db.execute(
        "UPDATE repair_order SET state = 'in_work', started_at = $2, technician = coalesce($3, technician, $4) WHERE id = $1",
        repair,
        clock.now(),
        technician,
        by.name,
    )
    return await _turned(repair, "started", by=by)


@db.atomic
async def use_part(
    repair: UUID, part_number: str, *, by: Actor, quantity: int = 1, serials: Sequence[str] = ()
) -> RepairView:
    """Take a part out of good stock into the unit on the bench; it leaves the books for this repair.

    Raises:
        Unknown: no such repair or part.
        InsufficientStock: fewer are free at that store.
        SerialsMissing, UnitNotHere, QuantityNotPositive: which pieces is not said, or they are not there.
        NotYourDepot, WrongState, AtTheVendor: as `_lock`; parts go into what is in work.

    """
    by.require("repairs.work")
    head = await _lock(repair, ("in_work",), by=by)
    part = await parts.find(part_number)
    held = await reservations.hold(part.part_number, head["depot"], quantity, by=by, reference=head["number"])
    posted = await reservations.hand_out(
        held.id,
        by=by,
        to=places.ISSUED,
        serials=serials,
        document_kind="repair_order",
        document=head["number"],
    )
    await db.execute(
        """INSERT INTO repair_part (repair, part, quantity, serials, used_at, used_by) VALUES ($1, $2, $3, $4, $5, $6)""",
        repair,
        part.id,
        posted.posted_quantity,
        posted.serials,
        clock.now(),
        by.name,
    )
    return await repair_view(repair)


@db.atomic
async def finish(
    repair: UUID,
    resolution_code: Resolution,
    resolution: str,
    *,
    by: Actor,
    diagnosis: str = "",
    failure_code: str | None = None,
    labour_minutes: int = 0,
    labour_cny: Decimal | None = None,
) -> RepairView:
    """Say what was found and done: the unit is in test in the same act, and somebody else than a hope finds it good.

    Raises:
        ResolutionMissing: it was not said what was done.
        Unknown, NotYourDepot, WrongState, AtTheVendor: as `_lock`; only what is in work is finished.
        UnitNotHere: the unit is not there as defective any more.

    """
    by.require("repairs.work")
    if not resolution.strip():
        raise ResolutionMissing
    head = await _lock(repair, ("in_work",), by=by)
    await conditions.change(
        await choose(_pieces(head), "defective"), "in_test", by=by, result="open", finding=resolution.strip()
    )
    await db.execute(
        """UPDATE repair_order SET state = 'in_test', finished_at = $2, finished_by = $3, resolution_code = $4,
                  resolution = $5, diagnosis = $6, failure_code = coalesce($7, failure_code),
                  labour_minutes = labour_minutes + $8, labour_cny = coalesce(labour_cny + $9, $9, labour_cny)
           WHERE id = $1""",
        repair,
        clock.now(),
        by.name,
        resolution_code,
        resolution.strip(),
        diagnosis.strip(),
        code_of(failure_code),
        labour_minutes,
        labour_cny,
    )
    await steps.finish("repair_order", head["number"], by=by)
    await _ask_for_test(head["number"], head["depot"])
    return await _turned(repair, "finished", by=by)


@db.atomic
async def came_from_vendor(
    rma_line: UUID, *, by: Actor, repaired: bool, finding: str, cost_cny: Decimal | None
) -> None:
    """A unit came back from the vendor that repaired it, or gave it up; the verb that took it in moved it.

    What came back repaired is in test; what did not ends the repair.
    """
    head = await db.fetch_one(
        """SELECT repair_order.id, repair_order.number, place.code AS depot FROM repair_order
           JOIN place ON place.id = repair_order.place
           WHERE rma_line = $1 AND repair_order.closed_at IS NULL FOR NO KEY UPDATE OF repair_order""",
        rma_line,
    )
    if head is None:
        return
    now = clock.now()
    if repaired:
        await db.execute(
            """UPDATE repair_order SET state = 'in_test', finished_at = $2, finished_by = $3, resolution = $4,
                      resolution_code = CASE WHEN (SELECT no_fault_found FROM rma_line WHERE id = $6) THEN 'no_fault_found'
                                             ELSE 'other' END,
                      vendor_cost_cny = $5 WHERE id = $1""",
            head["id"],
            now,
            by.name,
            finding,
            cost_cny,
            rma_line,
        )
        await _ask_for_test(head["number"], head["depot"])
        await _turned(head["id"], "finished", by=by)
        return
    await db.execute(
        "UPDATE repair_order SET state = 'cancelled', closed_at = $2, reason = $3, vendor_cost_cny = $4 WHERE id = $1",
        head["id"],
        now,
        finding,
        cost_cny,
    )
    await expected.close(head["id"])
    await _turned(head["id"], "cancelled", by=by)


async def _ask_for_test(number: str, depot: str) -> None:
    await steps.begin(
        "test_repair",
        "repair_order",
        number,
        owner_role="quality_supervisor",
        depot=depot,
        due_at=clock.now() + TEST_WITHIN,
    )


@db.atomic
async def pass_test(repair: UUID, finding: str, *, by: Actor) -> RepairView:
    """Find that a repaired unit passed its test: it is good stock of whoever owns it, and the repair is measured.

    What was worked on counts as a recovered part from now on; what had no fault keeps the source it had.

    Raises:
        ReasonMissing: it was not said what was tested.
        ProvenanceTooLow, PapersMissing: its pool's contract takes no recovered parts.
        Unknown, NotYourDepot, WrongState: as `_lock`; only what is in test passes.

    """
    by.require("stock.inspect")
    head = await _lock(repair, ("in_test",), by=by, own=False)
    if head["resolution_code"] != "no_fault_found":
        await db.execute(
            """UPDATE unit SET provenance = 'recovered', source = $2
               WHERE id = $1 AND grade_rank(provenance) < grade_rank('recovered')""",
            head["unit"],
            head["number"],
        )
    await release.release(_pieces(head), "in_test", by=by, finding=finding)
    now = clock.now()
    await db.execute(
        "UPDATE repair_order SET state = 'passed', passed_at = $2, passed_by = $3, closed_at = $2 WHERE id = $1",
        repair,
        now,
        by.name,
    )
    await expected.count_in(repair, 1)
    await steps.finish("repair_order", head["number"], by=by)
    return await _turned(repair, "passed", by=by)


@db.atomic
async def fail_test(repair: UUID, finding: str, *, by: Actor) -> RepairView:
    """Find that a repaired unit failed its test: it is defective again, and back on the bench.

    Raises:
        ReasonMissing: it was not said what failed.
        Unknown, NotYourDepot, WrongState: as `_lock`; only what is in test fails.

    """
    by.require("stock.inspect")
    if not finding.strip():
        raise ReasonMissing
    head = await _lock(repair, ("in_test",), by=by, own=False)
    await conditions.change(
        await choose(_pieces(head), "in_test"), "defective", by=by, result="failed", finding=finding.strip()
    )
    await db.execute(
        "UPDATE repair_order SET state = 'in_work', bench = 'own', diagnosis = $2, finished_at = NULL WHERE id = $1",
        repair,
        finding.strip(),
    )
    await steps.finish("repair_order", head["number"], by=by)
    await steps.begin(
        "do_repair",
        "repair_order",
        head["number"],
        owner_role="warehouse_keeper",
        depot=head["depot"],
        due_at=max(head["due_at"], clock.now() + TEST_WITHIN),
    )
    return await _turned(repair, "failed", by=by)


@db.atomic
async def give_up(repair: UUID, *, by: Actor, reason: str) -> RepairView:
    """Say that a unit is beyond economic repair: one of ours is proposed for scrap, which a second person decides.

    A customer's unit is not ours to scrap: it goes back as it is.

    Raises:
        ReasonMissing: it was not said why.
        Unknown, NotYourDepot, WrongState, AtTheVendor: as `_lock`; what is opened or in work is given up.

    """
    by.require("repairs.work")
    if not reason.strip():
        raise ReasonMissing
    head = await _lock(repair, ("opened", "in_work"), by=by)
    scrapping = None
    if head["ours"]:
        (proposed,) = await conditions.propose_scrap(_pieces(head), by=by, reason=reason.strip())
        scrapping = proposed.number
    await _end(repair, "beyond_repair", head, by=by, reason=reason, scrapping=scrapping)
    return await _turned(repair, "given_up", by=by)


@db.atomic
async def cancel(repair: UUID, *, by: Actor, reason: str) -> RepairView:
    """Close a repair that is not to be done; the unit stays as it is.

    Raises:
        ReasonMissing: it was not said why.
        Unknown, NotYourDepot, WrongState, AtTheVendor: as `_lock`; what is over is not cancelled.

    """
    by.require("repairs.work")
    if not reason.strip():
        raise ReasonMissing
    head = await _lock(repair, ("opened", "in_work", "in_test"), by=by, own=False)
    if head["bench"] == "vendor" and head["state"] != "in_test":
        raise AtTheVendor(repair=head["number"], rma=head["rma"])
    await _end(repair, "cancelled", head, by=by, reason=reason, scrapping=None)
    return await _turned(repair, "cancelled", by=by)


async def _end(repair: UUID, state: State, head: db.Row, *, by: Actor, reason: str, scrapping: str | None) -> None:
    await db.execute(
        """UPDATE repair_order SET state = $2, closed_at = $3, reason = $4, scrapping_number = $5 WHERE id = $1""",
        repair,
        state,
        clock.now(),
        reason.strip(),
        scrapping,
    )
    await expected.close(repair)
    await steps.finish("repair_order", head["number"], by=by)


async def _lock(repair: UUID, states: Sequence[State], *, by: Actor, own: bool = True) -> db.Row:
    """A repair in the actor's reach, locked, in one of some states; one at a vendor goes on with its RMA.

    Raises:
        Unknown: no such repair in the actor's scope.
        NotYourDepot: the actor does not serve its store.
        WrongState: it is in none of those states.
        AtTheVendor: a vendor does it.

    """
    head = await db.fetch_one(
        """SELECT repair_order.number, repair_order.state, repair_order.bench, repair_order.unit, unit.serial,
                  part.part_number, place.code AS depot, pool.code AS pool, owner.code AS owner,
                  owner.is_ourselves AS ours, repair_order.due_at, repair_order.resolution_code, rma.number AS rma
           FROM repair_order
           JOIN unit ON unit.id = repair_order.unit JOIN part ON part.id = repair_order.part
           JOIN place ON place.id = repair_order.place JOIN pool ON pool.id = repair_order.pool
           JOIN party AS owner ON owner.id = repair_order.owner
           LEFT JOIN contract ON contract.id = repair_order.contract
           LEFT JOIN rma_line ON rma_line.id = repair_order.rma_line LEFT JOIN rma ON rma.id = rma_line.rma
           WHERE repair_order.id = $1 AND ($2::text[] IS NULL OR place.code = ANY($2))
             AND ($3::text[] IS NULL OR contract.code = ANY($3)) FOR NO KEY UPDATE OF repair_order""",
        repair,
        by.depot_scope,
        by.contract_scope,
    )
    if head is None:
        raise Unknown(what="repair", what_zh="维修单", key=str(repair))
    by.require_depot(head["depot"])
    if head["state"] not in states:
        raise WrongState(
            what="Repair", what_zh="维修单", key=head["number"], state=head["state"], needed=" / ".join(states)
        )
    if own and head["bench"] == "vendor":
        raise AtTheVendor(repair=head["number"], rma=head["rma"])
    return head


def _pieces(head: db.Row) -> Pieces:
    return Pieces(head["depot"], head["part_number"], serials=[head["serial"]], pool=head["pool"], owner=head["owner"])


async def _pool(unit: UUID) -> str:
    return await db.fetch_value("SELECT pool.code FROM unit JOIN pool ON pool.id = unit.pool WHERE unit.id = $1", unit)


async def _owner(unit: UUID) -> str:
    return await db.fetch_value(
        "SELECT party.code FROM unit JOIN party ON party.id = unit.owner WHERE unit.id = $1", unit
    )


async def _turned(repair: UUID, turn: str, *, by: Actor) -> RepairView:
    """Write down and tell that a repair took a turn; the repair as it stands now."""
    view = await repair_view(repair)
    await audit.record("repair.turned", "repair_order", view.number, by=by, reason=view.reason, change={"turn": turn})
    await events.emit(
        f"repair.{turn}",
        "repair_order",
        view.number,
        _unpriced(view),
        depot=view.depot,
        contract=view.contract,
        closed=True,
    )
    return _shown_to(view, by)


def _shown_to(view: RepairView, reader: Actor) -> RepairView:
    return view if reader.may("costs.read") else _unpriced(view)


def _unpriced(view: RepairView) -> RepairView:
    return structs.replace(view, labour_cny=UNSET, vendor_cost_cny=UNSET)


_VIEW = """
    SELECT repair_order.id, repair_order.number, bench, part.part_number, part.name_zh, part.name_en, repair_order.unit,
           unit.serial, place.code AS depot, pool.code AS pool, owner.code AS owner, owner.is_ourselves AS ours,
           contract.code AS contract, seller.code AS vendor, rma.number AS rma, rma.id AS rma_id, repair_order.state,
           repair_order.failure_code, repair_order.complaint, diagnosis, resolution_code, resolution, technician,
           labour_minutes, scrapping_number AS scrapping, repair_order.opened_at, repair_order.opened_by,
           repair_order.due_at, started_at, finished_at, finished_by, passed_at, passed_by, repair_order.closed_at,
           repair_order.reason, repair_order.labour_cny, vendor_cost_cny,
           (SELECT coalesce(jsonb_agg(jsonb_build_object(
                'part_number', used.part_number, 'name_zh', used.name_zh, 'name_en', used.name_en,
                'quantity', repair_part.quantity, 'serials', repair_part.serials, 'used_at', used_at,
                'used_by', used_by) ORDER BY repair_part.id), '[]')
            FROM repair_part JOIN part AS used ON used.id = repair_part.part
            WHERE repair_part.repair = repair_order.id) AS parts
    FROM repair_order
    JOIN unit ON unit.id = repair_order.unit JOIN part ON part.id = repair_order.part
    JOIN place ON place.id = repair_order.place JOIN pool ON pool.id = repair_order.pool
    JOIN party AS owner ON owner.id = repair_order.owner
    LEFT JOIN contract ON contract.id = repair_order.contract
    LEFT JOIN vendor ON vendor.id = repair_order.vendor LEFT JOIN party AS seller ON seller.id = vendor.party
    LEFT JOIN rma_line ON rma_line.id = repair_order.rma_line LEFT JOIN rma ON rma.id = rma_line.rma
    WHERE ($1::text[] IS NULL OR place.code = ANY($1)) AND ($2::text[] IS NULL OR contract.code = ANY($2))"""


async def repair_view(repair: UUID, *, seen_by: Actor | None = None) -> RepairView:
    """One repair; without a reader, for the verb that just changed it.

    Raises:
        Unknown: no such repair in the reader's scope.

    """
    scope = (None, None) if seen_by is None else (seen_by.depot_scope, seen_by.contract_scope)
    view = await db.read_one(RepairView, f"{_VIEW} AND repair_order.id = $3", *scope, repair)
    if view is None:
        raise Unknown(what="repair", what_zh="维修单", key=str(repair))
    return view if seen_by is None else _shown_to(view, seen_by)


async def repairs(
    *,
    limit: int,
    seen_by: Actor,
    after: UUID | None = None,
    state: State | None = None,
    bench: Bench | None = None,
    depot: str | None = None,
    serial: str | None = None,
) -> list[RepairView]:
    """Repairs at the reader's stores, newest first."""
    found = await db.read(
        RepairView,
        f"""{_VIEW} AND ($3::uuid IS NULL OR repair_order.id < $3) AND ($4::text IS NULL OR repair_order.state = $4)
            AND ($5::text IS NULL OR bench = $5) AND ($6::text IS NULL OR place.code = $6)
            AND ($7::text IS NULL OR unit.serial = $7 OR unit.tag = $7)
            ORDER BY repair_order.id DESC LIMIT $8""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        after,
        state,
        bench,
        depot,
        serial,
        limit,
    )
    return [_shown_to(view, seen_by) for view in found]


async def lead_times(*, limit: int, seen_by: Actor) -> list[LeadTime]:
    """How long repairs took, by part and bench, those with the most repairs first.

    Raises:
        NotGranted: the reader may not see repairs.

    """
    seen_by.require("repairs.read")
    return await db.read(
        LeadTime,
        f"""SELECT part.part_number, part.name_zh, part.name_en, party.code AS vendor, count(*)::int AS repairs,
                   avg({_DAYS})::float8 AS mean_days, max({_DAYS})::float8 AS longest_days
            FROM repair_order
            JOIN part ON part.id = repair_order.part JOIN place ON place.id = repair_order.place
            LEFT JOIN contract ON contract.id = repair_order.contract
            LEFT JOIN vendor ON vendor.id = repair_order.vendor LEFT JOIN party ON party.id = vendor.party
            WHERE repair_order.state = 'passed' AND ($1::text[] IS NULL OR place.code = ANY($1))
              AND ($2::text[] IS NULL OR contract.code = ANY($2))
            GROUP BY part.part_number, part.name_zh, part.name_en, party.code
            ORDER BY repairs DESC, part.part_number, party.code LIMIT $3""",
        seen_by.depot_scope,
        seen_by.contract_scope,
        limit,
    )
