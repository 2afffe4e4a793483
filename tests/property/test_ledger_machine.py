"""The ledger under any order of acts: after each one every invariant holds, and stock is neither made nor lost."""

import asyncio
import contextlib
import contextvars
import os
from collections.abc import Iterator
from datetime import date, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    invariant,
    rule,
    run_state_machine_as_test,
)

from api.embedded import EmbeddedPostgres
from inventory.assurance.invariants import violations
from inventory.catalogue.register import NewModelPart, NewSubstitution, enter_model_parts, enter_substitutions
from inventory.ground import clock, db
from inventory.ground.errors import InventoryError
from inventory.places import bins
from inventory.places import places as places_of
from inventory.places import register as places
from inventory.places.bins import NewBin
from inventory.procurement import deliveries, release, taking_back
from inventory.procurement.deliveries import Scan
from inventory.requests import backorders, debriefing, papering, requests, shipping, waves
from inventory.requests.debriefing import Debrief
from inventory.requests.papering import Resolution
from inventory.requests.requests import NewRequest, NewRequestLine
from inventory.stock import (
    conditions,
    handing_in,
    handovers,
    losses,
    movements,
    notices,
    pick_lists,
    picking,
    placing,
    pool_crossings,
    promises,
    provisional,
    receipts,
    reservations,
    shipments,
    taking_over,
    transfers,
)
from inventory.stock.counting import closing, scans, sheets
from inventory.stock.counting.comparing import compared
from inventory.stock.counting.scans import NewScan
from inventory.stock.handovers import Item
from inventory.stock.notices import NewNoticeLine
from inventory.stock.pieces import Pieces
from inventory.stock.provisional import NewProvisionalIssue
from inventory.stock.receipts import Incoming
from inventory.stock.transfers import TransferItem
from tests.conftest import run_as_superuser
from tests.meter import settle
from tests.property.debt_rules import DebtRules
from tests.property.rma_rules import RmaRules
from tests.property.swap_rules import Swapping
from tests.world import DISPATCHER, DRIVE, FAN, PSU, SETUP, SUPERVISOR

PARTS = st.sampled_from([DRIVE, FAN, PSU])
DEPOTS = st.sampled_from(["GZ", "SH"])
OWNERS = st.sampled_from([None, None, "DISTI", "BANK"])
QUANTITIES = st.integers(1, 4)
BINS = ("A-01", "A-02")
SHELVES = st.sampled_from([None, *BINS])
SOME_SERIALS = st.lists(st.sampled_from([*(f"ZL2-{n:04d}" for n in range(5)), "M-0", "M-1", "FOUND-1"]), max_size=6)

_runner = asyncio.Runner()


def run(coroutine, context=None):
    """Run something on the machine's own loop; one context per example keeps its transaction open between steps."""
    return _runner.run(coroutine, context=context)


class Ledger(DebtRules, RmaRules, Swapping, RuleBasedStateMachine):
    """Every verb that moves stock, in any order, with any outcome; refusals change nothing."""

    held = Bundle("held")
    sent = Bundle("sent")
    asked = Bundle("asked")
    listed = Bundle("listed")
    unpapered = Bundle("unpapered")
    announced = Bundle("announced")
    nameless = Bundle("nameless")

    counts = Bundle("counts")
    given = Bundle("given")

    def __init__(self) -> None:
        super().__init__()
        self._context = contextvars.copy_context()
        self._transaction = db.engine.transaction()
        self._serials = 0
        self.frozen = {}
        self.run(self._transaction.__aenter__())
        self.run(bins.enter_bins([NewBin(place=place, code=code) for place in ("GZ", "SH") for code in BINS], by=SETUP))
        self.run(self._watch())

    @staticmethod
    async def _watch() -> None:
        """Have every part's cover matter, so that the meter follows whatever the machine does."""
        lines = [NewModelPart(model="R740", part=part, per_device=1, critical=True) for part in (DRIVE, FAN, PSU)]
        await enter_model_parts(lines, by=SETUP)
        await enter_substitutions([NewSubstitution(part=PSU, substitute=FAN, valid_from=date(2024, 1, 1))], by=SETUP)
        await places.enter_coverage([places.NewCoverage(store="SH", site="BANK-GZ", travel_hours=1.5)], by=SETUP)
        await settle()

    def run(self, coroutine):
        return run(coroutine, self._context)

    def teardown(self) -> None:
        self.run(self._transaction.rollback())
        self.run(self._transaction.__aexit__(None, None, None))

    def do(self, act):
        """Act; a refusal is an answer, and must leave no trace."""

        async def attempt():
            try:
                async with db.savepoint():
                    return await act
            except InventoryError:
                return None

        return self.run(attempt())

    def do_if_any(self, act):
        """Act on the first of what there is, if there is any."""

        async def attempt():
            with contextlib.suppress(ValueError):
                return await act()

        return self.do(attempt())

    def new_serials(self, part: str, count: int) -> list[str]:
        if part != DRIVE:
            return []
        self._serials += count
        return [f"M-{n}" for n in range(self._serials - count, self._serials)]

    @rule(target=held, part=PARTS, depot=DEPOTS, quantity=QUANTITIES, minutes=st.sampled_from([None, 5]))
    def reserve(self, part, depot, quantity, minutes):
        expires = None if minutes is None else clock.now() + timedelta(minutes=minutes)
        made = self.do(reservations.reserve(part, depot, quantity, by=SETUP, expires_at=expires))
        return made.id if made else None

    @rule(target=held, part=PARTS, depot=DEPOTS, quantity=QUANTITIES)
    def promise(self, part, depot, quantity):
        starts = clock.now() + timedelta(minutes=5)
        made = self.do(promises.promise(part, depot, quantity, by=SETUP, starts_at=starts, priority_class="planned"))
        return made.id if made else None

    @rule()
    def promises_begin(self):
        with clock.at(clock.now() + timedelta(minutes=10)):
            self.do(promises.begin_due(by=SETUP))

    @rule(target=held, reservation=held)
    def take_over(self, reservation):
        async def act():
            taken = await taking_over.take_over(
                reservation, by=SETUP, reference="EC", priority_class="emergency", reason="more urgent"
            )
            await backorders.lost_reservation(reservation, by=SETUP)
            return taken

        made = self.do(act()) if reservation else None
        return made.id if made else None

    @rule(request=asked)
    def take_over_from_request(self, request):
        async def act():
            reservation = (await requests.request_view(request[0])).lines[0].promise.reservation
            if reservation:
                await taking_over.take_over(
                    reservation, by=SETUP, reference="EC", priority_class="emergency", reason="more urgent"
                )
                await backorders.lost_reservation(reservation, by=SETUP)

        if request:
            self.do(act())

    @rule(part=PARTS, depot=DEPOTS, quantity=QUANTITIES, there=st.booleans())
    def cross_pools(self, part, depot, quantity, there):
        origin, goal = ("common", "C-TELCO") if there else ("C-TELCO", "common")

        async def act():
            asked = await pool_crossings.ask_crossing(
                depot, part, quantity, by=DISPATCHER, from_pool=origin, to_pool=goal, reason="none left"
            )
            await pool_crossings.cross(asked.id, by=SETUP)

        self.do(act())

    @rule(target=given, part=PARTS, quantity=QUANTITIES, back=st.booleans())
    def hand_over(self, part, quantity, back):
        async def act():
            if await db.fetch_value("SELECT id FROM place WHERE code = 'engineer'") is None:
                await places.enter_places(
                    [places.NewPlace(code="engineer", kind="engineer_stock", name_zh="李", name_en="Li")], by=SETUP
                )
            origin, goal = ("engineer", "GZ") if back else ("GZ", "engineer")
            return await handovers.give(origin, goal, [Item(part_number=part, quantity=quantity)], by=SETUP)

        made = self.do(act())
        return made.id if made else None

    @rule(handover=given, accepts=st.booleans())
    def answer_handover(self, handover, accepts):
        if handover and accepts:
            self.do(handovers.accept(handover, by=SETUP))
        elif handover:
            self.do(handovers.decline(handover, by=SETUP, reason="wrong"))

    @rule(reservation=held, quantity=st.one_of(st.none(), QUANTITIES), keep=st.booleans())
    def post(self, reservation, quantity, keep):
        if reservation:
            self.do(
                reservations.post_reservation(reservation, by=SETUP, to="BANK-GZ", quantity=quantity, keep_rest=keep)
            )

    @rule(reservation=held)
    def void(self, reservation):
        if reservation:
            self.do(reservations.void_reservation(reservation, by=SETUP))

    @rule(minutes=st.sampled_from([1, 10]))
    def expire(self, minutes):
        with clock.at(clock.now() + timedelta(minutes=minutes)):
            self.do(reservations.expire_due(by=SETUP))

    @rule(
        part=PARTS,
        depot=DEPOTS,
        quantity=QUANTITIES,
        condition=st.sampled_from(["good", "quarantine", "defective"]),
        owner=OWNERS,
    )
    def receive(self, part, depot, quantity, condition, owner):
        line = Incoming(
            part_number=part, quantity=quantity, condition=condition, serials=self.new_serials(part, quantity)
        )

        async def act():
            whose = None if owner is None else await places_of.find_party(owner)
            return await receipts.receive(depot, [line], by=SETUP, origin="V-DISTI", owner=whose)

        self.do(act())

    @rule(part=st.sampled_from([FAN, PSU]), depot=DEPOTS, quantity=st.integers(-5, 5))
    def adjust(self, part, depot, quantity):
        self.do(receipts.adjust(depot, part, quantity, by=SETUP, reason="count"))

    @rule(target=sent, part=PARTS, quantity=QUANTITIES, there=st.booleans(), owner=OWNERS)
    def draft_transfer(self, part, quantity, there, owner):
        origin, goal = ("GZ", "SH") if there else ("SH", "GZ")
        items = [TransferItem(part_number=part, quantity=quantity, owner=owner)]
        made = self.do(transfers.draft_transfer(origin, goal, items, by=SETUP))
        return made.id if made else None

    @rule(transfer=sent)
    def ship_transfer(self, transfer):
        if transfer:
            self.do(transfers.ship(transfer, by=SETUP))

    @rule(transfer=sent, count=st.one_of(st.none(), st.integers(0, 4)), part=PARTS)
    def take_in(self, transfer, count, part):
        if transfer:
            received = None if count is None else {part: count}
            self.do(transfers.take_in(transfer, by=SETUP, received=received, reason="counted"))

    @rule(transfer=sent, count=QUANTITIES, damaged=st.booleans(), stray=st.sampled_from([None, FAN, "ZL2-0001", "M-0"]))
    def scan_in(self, transfer, count, damaged, stray):
        async def act():
            view = await transfers.transfer_view(transfer)
            scans = []
            for line in (await deliveries.delivery(view.number, seen_by=SETUP)).lines:
                more = {"serials": line.serials[:count]} if line.serialised else {"quantity": count}
                if line.serials[:count] or not line.serialised:
                    scans.append(Scan(part_number=line.part_number, damaged=damaged, **more))
            if stray == FAN:
                scans.append(Scan(part_number=FAN, quantity=1))
            elif stray:
                scans.append(Scan(part_number=DRIVE, serials=[stray]))
            return await deliveries.receive(view.number, scans, by=SETUP, reason="as it came")

        if transfer:
            self.do(act())

    @rule(transfer=sent, count=st.one_of(st.none(), st.integers(0, 3)), part=PARTS, back=st.booleans())
    def lose_or_find(self, transfer, count, part, back):
        if transfer:
            quantities = None if count is None else {part: count}
            self.do(
                losses.find_again(transfer, by=SETUP, reason="found", found=quantities)
                if back
                else losses.declare_lost(transfer, by=SETUP, reason="lost", lost=quantities)
            )

    @rule(target=announced, part=PARTS, depot=DEPOTS, quantity=QUANTITIES, named=st.booleans())
    def announce(self, part, depot, quantity, named):
        serials = self.new_serials(part, quantity) if named else []
        line = NewNoticeLine(part_number=part, quantity=quantity, serials=serials)
        due = clock.now() + timedelta(days=1)
        made = self.do(notices.announce(depot, [line], by=SETUP, origin="V-DELL", due_at=due))
        return (made.number, part, serials) if made else None

    @rule(notice=announced, count=QUANTITIES, short=st.booleans(), double=st.booleans())
    def receive_announced(self, notice, count, short, double):
        if notice:
            number, part, serials = notice
            serials = [*(serials or self.new_serials(part, count))[:count], *(["ZL2-0002"] if double else [])]
            more = {"serials": serials} if part == DRIVE else {"quantity": count}
            scans = [Scan(part_number=part, **more)]
            shorts = [part] if short else []
            self.do(deliveries.receive(number, scans, by=SETUP, short=shorts, reason="as it came"))

    @rule(notice=announced, cancelled=st.booleans())
    def end_notice(self, notice, cancelled):
        if notice:
            self.do((notices.cancel if cancelled else notices.close_short)(notice[0], by=SETUP, reason="not coming"))

    @rule(way=st.sampled_from(sorted(conditions.STEPS)), part=PARTS, depot=DEPOTS, quantity=QUANTITIES)
    def judge(self, way, part, depot, quantity):
        was, becomes = way

        async def act():
            found = await conditions.awaiting(limit=50, seen_by=SETUP, depot=depot, condition=was)
            serials = [piece.piece for piece in found if piece.part_number == part][:quantity]
            if was == "good":
                serials = ["ZL2-0003"]
            more = {"serials": serials} if part == DRIVE else {"quantity": quantity}
            if becomes == "scrapped":
                (proposal, *_) = await conditions.propose_scrap(Pieces(depot, part, **more), by=SETUP, reason="dead")
                return await conditions.decide_scrap(proposal.number, by=SUPERVISOR, approve=quantity != 3)
            if becomes == "good" and was != "frozen":
                return await release.release(Pieces(depot, part, **more), was, by=SETUP, finding="passed")
            return await conditions.judge(Pieces(depot, part, **more), was, becomes, by=SETUP, reason="looked at")

        self.do(act())

    @rule(
        target=nameless,
        depot=DEPOTS,
        what=st.sampled_from(["a box", DRIVE, FAN]),
        serial=st.sampled_from([None, "ZL2-0004", "N-1"]),
    )
    def hand_in(self, depot, what, serial):
        made = self.do(handing_in.hand_in(depot, what, by=SETUP, serial=serial))
        return made.tag if made else None

    @rule(tag=nameless, part=PARTS, serial=st.sampled_from([None, "ZL2-0000", "N-2"]))
    def identify(self, tag, part, serial):
        if tag:
            self.do(handing_in.identify(tag, part, by=SETUP, serial=serial))

    @rule(transfer=sent)
    def cancel_transfer(self, transfer):
        if transfer:
            self.do(transfers.cancel(transfer, by=SETUP, reason="not needed"))

    @rule(target=asked, part=PARTS, quantity=QUANTITIES, severe=st.booleans(), device=st.integers(0, 20))
    def ask(self, part, quantity, severe, device):
        self._serials += 1
        new = NewRequest(
            source="machine",
            reference=f"R-{self._serials}",
            device_serial=f"BANK-{device:03d}",
            severity="severe" if severe else "general",
            lines=[NewRequestLine(part_number=part, quantity=quantity)],
        )
        made = self.do(requests.open_request(new, by=DISPATCHER))
        return (made.id, part) if made else None

    @rule(request=asked)
    def ship_request(self, request):
        if request:
            self.do(shipping.ship(request[0], by=SETUP))

    @rule(request=asked, outcome=st.sampled_from(["used", "returned_good", "dead_on_arrival"]))
    def debrief(self, request, outcome):
        if request:
            self._serials += 1
            report = Debrief(part_number=request[1], outcome=outcome, serial_out=f"OUT-{self._serials}")
            self.do(debriefing.debrief(request[0], [report], by=DISPATCHER))

    @rule(request=asked)
    def cancel_request(self, request):
        if request:
            self.do(requests.cancel(request[0], by=DISPATCHER, reason="gone"))

    @rule(target=listed, request=asked)
    def begin_picking(self, request):
        async def act():
            view = await requests.request_view(request[0])
            return await waves.begin_picking(view.lines[0].promise.depot or "GZ", [view.number], by=SETUP)

        made = self.do(act()) if request else None
        return made.id if made else None

    @rule(pick_list=listed, quantity=st.one_of(st.none(), st.integers(1, 2)))
    def pick(self, pick_list, quantity):
        async def act():
            view = await pick_lists.pick_list_view(pick_list)
            line, *_ = [line for line in view.lines if line.state in ("open", "short")]
            return await picking.scan(pick_list, line.serial or line.part_number, by=SETUP, quantity=quantity)

        if pick_list:
            self.do_if_any(act)

    @rule(pick_list=listed, missing=st.booleans())
    def unpick_or_miss(self, pick_list, missing):
        async def act():
            view = await pick_lists.pick_list_view(pick_list)
            line, *_ = [line for line in view.lines if line.state == ("open" if missing else "picked")]
            if missing:
                return await picking.not_found(line.id, by=SETUP, reason="empty")
            return await picking.unpick(line.id, by=SETUP)

        if pick_list:
            self.do_if_any(act)

    @rule(pick_list=listed)
    def cancel_picking(self, pick_list):
        if pick_list:
            self.do(picking.cancel(pick_list, by=SETUP, reason="later"))

    @rule()
    def bring_shipment_back(self):
        async def act():
            found, *_ = await shipments.shipments(limit=1, seen_by=SETUP, state="shipped")
            return await shipping.bring_back(found.id, by=SETUP, reason="nobody there")

        self.do_if_any(act)

    @rule(target=unpapered, part=PARTS, depot=DEPOTS, quantity=QUANTITIES, serial=st.integers(0, 6))
    def take_without_paper(self, part, depot, quantity, serial):
        self._serials += 1
        code, count = (f"ZL2-{serial:04d}", 1) if part == DRIVE else (part, quantity)
        new = NewProvisionalIssue(client_id=f"P-{self._serials}", depot=depot, code=code, quantity=count)
        made = self.do(provisional.take(new, by=SETUP))
        return made.id if made else None

    @rule(issue=unpapered)
    def resolve(self, issue):
        if issue:
            self.do(papering.resolve(issue, Resolution(part_number=DRIVE), by=SETUP))

    @rule(issue=unpapered, request=asked)
    def bring_paper(self, issue, request):
        async def act():
            number = (await requests.request_view(request[0])).number
            return await papering.paper(issue, by=SETUP, request=number)

        if issue and request:
            self.do(act())

    @rule(issue=unpapered, lost=st.booleans())
    def end_without_paper(self, issue, lost):
        if issue and not lost:
            self.do(provisional.bring_back(issue, by=SETUP))
        elif issue:
            self.do(provisional.report_lost(issue, by=SETUP, reason="gone"))
            self.do(provisional.confirm_lost(issue, by=SUPERVISOR))

    @rule(part=PARTS, depot=DEPOTS)
    def fill(self, part, depot):
        async def act():
            row = await db.fetch_one(
                """SELECT level.part, level.place, level.pool FROM level JOIN part ON part.id = level.part
                   JOIN place ON place.id = level.place
                   WHERE part_number = $1 AND place.code = $2 AND condition = 'good' AND backordered > 0""",
                part,
                depot,
            )
            return await backorders.fill_backorders(*row, by=SETUP) if row else 0

        self.do(act())

    @rule(part=PARTS, depot=DEPOTS, quantity=QUANTITIES, serials=SOME_SERIALS, origin=SHELVES, goal=SHELVES)
    def put_away(self, part, depot, quantity, serials, origin, goal):
        self.do(placing.put_away(Pieces(depot, part, quantity=quantity, serials=serials, bin=origin), goal, by=SETUP))

    @rule(target=counts, depot=DEPOTS, kind=st.sampled_from(["full", "cycle", "surprise"]))
    def draw_up_count(self, depot, kind):
        made = self.do(sheets.draw_up(depot, kind, by=SETUP))
        return made.id if made else None

    @rule(count=counts, part=PARTS, shelf=SHELVES, quantity=st.integers(0, 12), serials=SOME_SERIALS)
    def scan(self, count, part, shelf, quantity, serials):
        if count:
            self._serials += 1
            seen = {"serials": serials} if part == DRIVE else {"quantity": quantity}
            new = NewScan(id=f"S-{self._serials}", part_number=part, bin=shelf, counted_at=clock.now(), **seen)
            self.do(scans.record(count, [new], by=SETUP))

    @rule(count=counts)
    def post_count(self, count):
        """What nobody scanned is found as the books say; then every difference is explained and posted."""

        async def act():
            for line in await compared(count):
                if line.counted_at is None:
                    there = line.pieces_then
                    serials = [
                        serial
                        for content in await placing.contents(line.depot, limit=200, seen_by=SETUP, bin_code=line.bin)
                        if (content.part_number, content.bin) == (line.part_number, line.bin)
                        if content.condition == line.condition
                        for serial in content.serials
                    ]
                    seen = {"serials": serials} if line.serialised else {"quantity": there}
                    new = NewScan(
                        id=f"rest-{line.id}",
                        part_number=line.part_number,
                        bin=line.bin,
                        condition=line.condition,
                        counted_at=clock.now(),
                        **seen,
                    )
                    await scans.record(count, [new], by=SETUP)
            for line in await closing.differences(count, seen_by=SETUP):
                await closing.explain(count, line.id, by=SETUP, reason="counted")
            return await closing.post_count(count, by=SETUP)

        if count:
            self.do(act())

    @rule(back=st.integers(0, 8))
    def reverse(self, back):
        async def act():
            lines = await movements.movements(limit=back + 1, seen_by=SETUP)
            return await taking_back.reverse_movement(lines[-1].id, by=SETUP, reason="by mistake")

        self.do(act())

    @rule(depot=DEPOTS, frozen=st.booleans())
    def freeze(self, depot, frozen):
        async def act():
            if frozen:
                await places.freeze(depot, by=SETUP, reason="flood")
                self.frozen[depot] = await self._given_and_held(depot)
            elif self.frozen.pop(depot, None):
                await places.unfreeze(depot, by=SETUP, reason="dry", returns=True)

        self.do(act())

    @staticmethod
    async def _given_and_held(depot):
        """How much ever left a store for another place than the books' own, and how much is held there."""
        return await db.fetch_one(
            """SELECT (SELECT count(*) FROM movement JOIN place AS goal ON goal.id = to_place
                       WHERE from_place = store.id AND to_place <> store.id
                         AND goal.kind NOT IN ('adjustment', 'scrap')) AS given,
                      (SELECT coalesce(sum(reserved), 0) FROM level WHERE place = store.id) AS held
               FROM place AS store WHERE code = $1""",
            depot,
        )

    @invariant()
    def what_is_frozen_is_neither_promised_nor_given(self) -> None:
        for depot, (given, held) in self.frozen.items():
            now = self.run(self._given_and_held(depot))
            assert now["given"] == given
            assert now["held"] <= held
            self.frozen[depot] = now

    @invariant()
    def the_books_are_right(self) -> None:
        self.run(settle())  # what is promised from the stock is judged as it moves; nothing is judged from scratch
        assert self.run(violations()) == []

    @invariant()
    def who_waits_is_counted(self) -> None:
        async def difference():
            return await db.fetch(
                """SELECT level.id FROM level
                   JOIN party ON party.id = level.owner AND party.is_ourselves
                   LEFT JOIN (SELECT part, source_place AS place, pool, sum(quantity) AS waiting FROM request_line
                              WHERE state = 'backordered' GROUP BY 1, 2, 3) AS line USING (part, place, pool)
                   WHERE level.condition = 'good' AND level.backordered <> coalesce(line.waiting, 0)"""
            )

        assert self.run(difference()) == []


@pytest.fixture
def machine_database(postgres: EmbeddedPostgres, template: str) -> Iterator[None]:
    """A copy of the company on a loop of the machine's own: Hypothesis drives it from plain functions."""
    run(run_as_superuser(postgres, f"CREATE DATABASE machine TEMPLATE {template} OWNER beijian"))
    shared_pool, shared_config = db.engine.pool, db.engine.config
    db.engine.pool = None
    connection = db.connected(postgres.dsn("machine"))
    run(connection.__aenter__())
    yield
    db.engine.pool.terminate()  # a failing example may have left its transaction open
    db.engine.pool, db.engine.config = shared_pool, shared_config
    run(run_as_superuser(postgres, "DROP DATABASE machine WITH (FORCE)"))


def test_the_books_are_right_whatever_happens(machine_database):
    examples, steps = (2000, 50) if os.environ.get("HYPOTHESIS_PROFILE") == "nightly" else (25, 25)
    run_state_machine_as_test(
        Ledger, settings=settings(max_examples=examples, stateful_step_count=steps, deadline=None, print_blob=False)
    )
