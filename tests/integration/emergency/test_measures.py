"""What plan 2 can propose beside the part itself: substitutes that fit, bought, moved or set aside; and what they count for."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from inventory.assurance.invariants import violations
from inventory.catalogue import register as catalogue
from inventory.emergency import assessments, cases, declaring, force_majeure, proposing
from inventory.emergency.facts import gather
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db, jobs
from inventory.procurement import orders, receiving
from inventory.procurement import register as procurement
from inventory.requests import requests
from inventory.stock import notices, promises, receipts, reservations, transfers
from inventory.stock.receipts import Incoming
from optimizer.emergency import choose
from tests.integration.emergency.test_cases import EMERGENCY, drain, judge, live_cases, planned, propose
from tests.integration.planning.test_learning import SWAP, enter_swap_unit
from tests.integration.stock.test_levels import ids
from tests.world import BUYER, DISPATCHER, FAN, KEEPER, MANAGER, SETUP, SH_KEEPER

NEWER = "FAN-2U-B"
NEED = 6


async def enter_substitute(number: str = NEWER, *, pieces: int = 1, **more: object) -> None:
    """A newer fan that may stand in for the older one."""
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=number,
                name_zh="2U 风扇 B 版",
                name_en="2U fan, revision B",
                kind="fan",
                unit_cost_cny=Decimal(270),
                holding_rate_per_year=0.22,
                serialised=False,
                maker="SEAGATE",
            )
        ],
        by=SETUP,
    )
    await substitute(number, pieces=pieces, **more)


async def substitute(number: str, *, part: str = FAN, **more: object) -> None:
    link = catalogue.NewSubstitution(part=part, substitute=number, valid_from=date(2024, 1, 1), **more)
    await catalogue.enter_substitutions([link], by=SETUP)


async def offer(part: str = NEWER, *, vendor: str = "DISTI", hours: float = 24, **more: object) -> None:
    terms = {"minimum_quantity": 1, "lot_size": 1, "maximum_quantity": 40, "expedited_hours": hours, **more}
    await procurement.enter_offers(
        [
            procurement.NewOffer(
                vendor=vendor,
                part=part,
                unit_price=Decimal(270),
                order_fee=Decimal(0),
                lead_time_days=7.0,
                valid_from=date(2024, 1, 1),
                expedited_price=Decimal(300),
                expedited_fee=Decimal(100),
                **terms,
            )
        ],
        by=SETUP,
    )


async def a_fan_case(*, need: int = NEED) -> cases.CaseSummary:
    """No fans in Guangzhou, none offered, and a floor of six set by hand."""
    await db.execute(
        "UPDATE offer SET valid_to = valid_from FROM part WHERE part.id = offer.part AND part_number = $1", FAN
    )
    await declaring.set_critical_point(
        FAN, "GZ", need, pool="common", reason="a floor", lasts=timedelta(days=30), by=MANAGER
    )
    await drain(FAN)
    await drain(FAN, "SH")
    await judge(FAN)
    (case,) = await live_cases()
    return case


async def proposal_of(case: cases.CaseSummary) -> dict:
    return (await cases.case_view(case.id, seen_by=BUYER)).proposal


async def approved(case: cases.CaseSummary) -> cases.CaseView:
    if (await cases.case_summary(case.id)).state == "proposed":
        await cases.approve(case.id, by=MANAGER)
    return await cases.case_view(case.id, seen_by=BUYER)


async def state_of(case: cases.CaseSummary) -> str:
    return (await cases.case_summary(case.id)).state


async def asked_for(case: cases.CaseSummary) -> int:
    need = (await proposal_of(case))["situation"]["needs"][0]
    return need["hold_point"] - need["on_hand"]


async def available(part: str, depot: str = "GZ") -> int:
    (row,) = (await gather([await ids(part, depot)])).rows
    return row.available


async def test_a_substitute_is_bought_and_restores_the_cover_of_the_part(own_company):
    await enter_substitute()
    await offer()
    case = await a_fan_case()
    await propose(case)
    view = await approved(case)
    (order,) = view.orders
    asked = await asked_for(case)
    (line,) = order.lines
    waiting = await cases.under_way(case.id)
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)  # as the approval asks for
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await judge(FAN)
    promised = await state_of(case)
    substitutes_own = await available(NEWER)

    with jobs.collecting() as due:
        await receiving.receive_order(order.number, [Incoming(part_number=NEWER, quantity=line.quantity)], by=KEEPER)
    assert jobs.Assess(*await ids(NEWER, "GZ")) in due
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)

    assert (line.part_number, line.quantity, order.case_number) == (NEWER, asked, case.number)
    assert (waiting, promised, substitutes_own) == (asked, "acting", 0)
    assert await state_of(case) == "cover_restored"
    assert (await available(FAN), await available(NEWER)) == (asked, 0)
    assert await cases.under_way(case.id) == 0
    assert await violations() == []


async def test_the_proposal_says_why_a_substitute_fits(company):
    await enter_substitute()
    await offer()
    case = await a_fan_case()
    await propose(case)
    proposal = await proposal_of(case)
    (told,) = proposal["substitutes"]
    (measure,) = proposal["measures"]

    assert (told["part_number"], told["path"], told["pieces"]) == (NEWER, [FAN, NEWER], 1)
    assert (told["models"], told["devices"], told["misfits"]) == (["R740"], 160, {})
    assert proposal["options"][measure["buy"]]["part_number"] == NEWER
    assert proposal["still_missing"] == 0


async def test_two_pieces_for_one_are_bought_in_whole_lots_and_whole_pairs(own_company):
    await enter_substitute(pieces=2)
    await offer(minimum_quantity=3, lot_size=3)
    case = await a_fan_case()
    await propose(case)
    asked = await asked_for(case)
    view = await approved(case)
    (line,) = view.orders[0].lines
    waiting = await cases.under_way(case.id)
    await orders.record_placed(view.orders[0].id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await receiving.receive_order(
        view.orders[0].number, [Incoming(part_number=NEWER, quantity=line.quantity)], by=KEEPER
    )
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)

    assert line.quantity % 3 == line.quantity % 2 == 0
    assert waiting == line.quantity // 2 >= asked
    assert await available(FAN) == line.quantity // 2
    assert await state_of(case) == "cover_restored"


async def test_half_a_pair_that_came_counts_with_the_other_half_to_come(own_company):
    await enter_substitute(pieces=2)
    await offer()
    case = await a_fan_case()
    await propose(case)
    view = await approved(case)
    (order,) = view.orders
    asked = await asked_for(case)
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    await receiving.receive_order(order.number, [Incoming(part_number=NEWER, quantity=3)], by=KEEPER)
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)
    await judge(FAN)

    assert order.lines[0].quantity == 2 * asked
    assert await available(FAN) + await cases.under_way(case.id) == asked
    assert await state_of(case) == "acting"


async def test_a_substitute_on_its_way_is_its_own_again_once_the_case_is_none(own_company):
    await enter_substitute()
    await offer()
    case = await a_fan_case()
    await propose(case)
    (order,) = (await approved(case)).orders
    await orders.record_placed(order.id, by=SETUP, promised_at=clock.now() + timedelta(hours=24))
    meant = await arriving(NEWER)
    await cases.stand_down(case.id, by=MANAGER, reason="a drill")

    assert (meant, await arriving(NEWER)) == ([], [(order.lines[0].quantity, False)])


async def arriving(part: str) -> list[tuple[int, bool]]:
    (row,) = (await gather([await ids(part, "GZ")])).rows
    return [(each.quantity, each.measure) for each in row.arriving]


async def test_what_a_frozen_store_was_to_send_is_found_elsewhere(own_company):
    await enter_substitute()
    await receipts.adjust("SH", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    waiting = await approved(case)
    asked = await asked_for(case)
    sent = await cases.under_way(case.id)
    plan = await force_majeure.declare("SH", "water_leak", reason="a flood", by=MANAGER)
    frozen = await cases.under_way(case.id)
    await offer()
    for _ in range(2):
        await force_majeure.source_elsewhere(plan.id, by=EMERGENCY)
    opened = await state_of(case)
    await propose(case)
    view = await approved(case)

    assert [each.from_depot for each in waiting.transfers] == ["SH"]
    assert (sent, frozen, opened) == (asked, 0, "open")
    assert [each.state for each in view.transfers] == ["cancelled"]
    assert [(line.part_number, line.quantity) for line in view.orders[0].lines] == [(NEWER, asked)]
    assert [entry.facts["why"] for entry in view.log if entry.kind == "proposing_again"] == ["donor_frozen"]


async def test_what_lies_in_the_own_store_is_set_aside_without_a_purchase(own_company):
    await enter_substitute()
    await offer()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    proposal = await proposal_of(case)
    asked = await asked_for(case)
    (measure,) = proposal["measures"]
    view = await approved(case)
    await judge(FAN)

    assert proposal["moves"][measure["move"]] == {"depot": "GZ", "mode": None, "part_number": NEWER, "pieces": 1}
    assert (measure["qty"], proposal["total_cny"], view.orders, view.transfers) == (asked, "0", [], [])
    assert (await available(FAN), await available(NEWER)) == (asked, 20 - asked)
    assert await state_of(case) == "cover_restored"


async def test_a_substitute_keeps_its_own_lines(own_company):
    await enter_substitute()
    await receipts.adjust("GZ", NEWER, 5, by=SETUP, provenance="maker_direct", reason="some")
    await declaring.set_critical_point(
        NEWER, "GZ", 3, pool="common", reason="its own", lasts=timedelta(days=30), by=MANAGER
    )
    case = await a_fan_case()
    await propose(case)
    proposal = await proposal_of(case)

    assert [measure["qty"] for measure in proposal["measures"]] == [2]
    assert proposal["still_missing"] == await asked_for(case) - 2


async def test_another_store_sends_what_it_can_spare_of_a_substitute(own_company):
    await enter_substitute()
    await receipts.adjust("SH", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    asked = await asked_for(case)
    view = await approved(case)
    (transfer,) = view.transfers
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)
    sent = await transfers.ship(transfer.id, by=SH_KEEPER)
    await judge(FAN)
    on_the_road = await state_of(case), await available(NEWER)
    await transfers.take_in(sent.id, by=KEEPER)
    await assessments.assess(*await ids(NEWER, "GZ"), by=EMERGENCY)

    assert (transfer.from_depot, transfer.case_number) == ("SH", case.number)
    assert [(line.part_number, line.quantity) for line in transfer.lines] == [(NEWER, asked)]
    assert on_the_road == ("acting", 0)
    assert (await available(FAN), await available(NEWER)) == (asked, 0)
    assert await state_of(case) == "cover_restored"


@pytest.mark.parametrize(
    ("link", "misfits"),
    [
        ({"min_firmware": "9"}, {"R740": "needs_firmware_9"}),
        ({"model": "R750"}, {"R740": ""}),
    ],
)
async def test_a_substitute_that_does_not_fit_what_is_served_is_told_but_not_counted_on(company, link, misfits):
    await catalogue.enter_models([catalogue.NewModel(code="R750", name="PowerEdge R750", maker="DELL")], by=SETUP)
    await enter_substitute(**link)
    await offer()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    proposal = await proposal_of(case)

    assert proposal["measures"] == []
    assert [(each["part_number"], each["misfits"]) for each in proposal["substitutes"]] == [(NEWER, misfits)]


async def test_a_link_of_another_direction_or_time_is_none(company):
    await enter_substitute(valid_to=date(2024, 6, 1))
    await substitute(FAN, part=NEWER)
    await offer()
    case = await a_fan_case()
    await propose(case)

    assert (await proposal_of(case))["measures"] == []
    assert (await proposal_of(case))["substitutes"] == []


async def test_what_is_used_for_the_part_no_longer_stands_in_and_what_is_left_does_after_the_case(own_company):
    await enter_substitute()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case(need=4)
    await propose(case)
    asked = await asked_for(case)
    await approved(case)
    await judge(FAN)
    await requests.open_request(
        requests.NewRequest(
            source="glpi",
            reference="INC-9",
            device_serial="BANK-001",
            severity="general",
            lines=[requests.NewRequestLine(part_number=FAN, quantity=2)],
        ),
        by=DISPATCHER,
    )
    used = await available(FAN), await available(NEWER)
    await judge(FAN)
    lost = await state_of(case)
    await db.execute("UPDATE hand_set_point SET point = $1", asked - 2)
    await judge(FAN)
    await cases.close(case.id, by=MANAGER, note="substitutes stand in")
    await judge(FAN)
    opened_again = await live_cases()

    assert used == (asked - 2, 20 - asked)
    assert lost != "cover_restored"
    assert opened_again == []


async def test_substitutes_are_their_own_again_once_the_part_is_there(own_company):
    await enter_substitute()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    asked = await asked_for(case)
    await approved(case)
    await judge(FAN)
    await receipts.adjust("GZ", FAN, 40, by=SETUP, provenance="maker_direct", reason="found")
    await judge(FAN)

    assert (await available(NEWER), await available(FAN)) == (20, 40)
    assert asked > 0


async def test_a_case_that_was_none_gives_its_substitutes_back(own_company):
    await enter_substitute()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    await propose(case)
    await approved(case)
    during = await available(NEWER)
    await cases.stand_down(case.id, by=MANAGER, reason="a drill")

    assert during < 20
    assert (await available(NEWER), await available(FAN)) == (20, 0)


async def test_what_is_taken_meanwhile_is_not_set_aside(own_company):
    await enter_substitute()
    await receipts.adjust("GZ", NEWER, 20, by=SETUP, provenance="maker_direct", reason="plenty")
    case = await a_fan_case()
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    await reservations.hold(NEWER, "GZ", 19, by=KEEPER)
    await proposing.record(chosen, choose(chosen.situation), by=EMERGENCY)

    assert await state_of(case) == "open"
    assert await db.fetch_value("SELECT count(*) FROM case_substitute") == 0


async def test_the_part_itself_goes_before_a_dearer_substitute(company):
    await enter_substitute()
    await offer()
    await planned()
    await drain(FAN)
    await judge(FAN)
    case = next((each for each in await live_cases() if each.part_number == FAN), None) or await declaring.declare(
        FAN, "GZ", pool="common", reason="a drill", by=MANAGER
    )
    await propose(case)
    proposal = await proposal_of(case)

    bought = {proposal["options"][each["buy"]]["part_number"] for each in proposal["measures"] if "buy" in each}
    assert bought <= {FAN}


async def test_substitutes_wait_for_the_approval_above_the_authority(company):
    await put_in_force(NewPolicy(standing_authority_cny=Decimal(0)), by=MANAGER)
    await enter_substitute()
    await offer()
    case = await a_fan_case()
    await propose(case)

    assert await state_of(case) == "proposed"
    assert await available(FAN) == 0


async def test_whole_units_that_could_bridge_the_time_are_told(company):
    await enter_swap_unit()
    serials = ["SW-1", "SW-2", "SW-3"]
    await receipts.adjust("SH", SWAP, 3, by=SETUP, provenance="maker_direct", reason="spare machines", serials=serials)
    later = clock.now() + timedelta(hours=2)
    await promises.promise(SWAP, "SH", 1, by=SETUP, starts_at=later)  # one is promised to a swap: two are left
    case = await a_fan_case()
    await propose(case)
    proposal = await proposal_of(case)

    told = [(each["part_number"], each["model"], each["depot"], each["free"]) for each in proposal["swap_units"]]
    assert told == [(SWAP, "R740", "SH", 2)]
    assert proposal["measures"] == []


async def test_what_is_only_announced_by_hand_is_no_cover_and_what_a_vendor_promised_is(company):
    """Repairs due back, replacements and loans come on notices of hand; nobody vouches for them before they arrive."""
    case = await a_fan_case()
    before = await missing_of(case)
    due = clock.now() + timedelta(hours=20)
    coming = notices.NewNoticeLine(part_number=FAN, quantity=4)
    await notices.announce("GZ", [coming], by=KEEPER, origin="V-DELL", due_at=due)
    announced = await missing_of(case)
    await db.execute("UPDATE offer SET valid_to = NULL FROM part WHERE part.id = part AND part_number = $1", FAN)
    order = await orders.draft_order("DISTI", "GZ", [orders.NewLine(part_number=FAN, quantity=4)], by=BUYER)
    await orders.approve_on_authority(order.id, by=SETUP)
    await orders.record_placed(order.id, by=SETUP, promised_at=due)
    promised = await missing_of(case)

    assert before == announced == promised + 4


async def missing_of(case: cases.CaseSummary) -> int:
    chosen = await proposing.prepare(case.id, by=EMERGENCY)
    return chosen.missing
