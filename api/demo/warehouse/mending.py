"""Returns to vendors, advance exchanges, the bench, and a customer's own unit: most done, some left for the present."""

from datetime import timedelta
from decimal import Decimal

from msgspec import Struct

from api.demo.lived import FAR_HOURS, TRAVEL, Life, NotToday, Story, signature_of
from inventory.ground import clock, db
from inventory.returns import answering, collecting, coming_in, exchanges, repairs, rmas, vendor_terms
from inventory.returns.answering import Answer
from inventory.returns.coming_in import Arrived
from inventory.returns.terms import Charge
from inventory.returns.vendor_terms import CountsDays, NewTerms, RunsFrom

DEPOT = "GZ"

TERMS: tuple[tuple[str, int, CountsDays, RunsFrom, Charge, str], ...] = (
    ("DELL", 15, "calendar_days", "shipped", "list_price", "15 天内未返还按目录价收费 / 15 days, then list price"),
    ("HUAWEI", 10, "calendar_days", "received", "list_price", "10 天 / 10 days"),
    ("INSPUR", 10, "calendar_days", "received", "share", "10 天，逾期按目录价 50% / 10 days, then half the list price"),
    ("LENOVO", 5, "business_days", "received", "list_price", "5 个工作日 / 5 business days"),
    ("NANHUI", 5, "business_days", "received", "list_price", "5 个工作日 / 5 business days"),
)
"""The makers' and distributors' terms."""


class _Piece(Struct, frozen=True):
    """A defective unit in the store, and a vendor that sells its part."""

    part_number: str
    serial: str
    vendor: str


def plan(life: Life) -> None:
    """Have the terms kept, and pieces go every way there is."""
    life.plan(life.on(40, "09:00"), lambda: _keep_terms(life))
    life.tell(life.on(20, "10:00"), _on_the_bench(life, days=3.5))
    life.tell(life.on(12, "10:20"), _on_the_bench(life, days=5.0))
    life.tell(life.ago(hours=50), _on_the_bench(life, days=1.5, tested=False))
    life.tell(life.ago(hours=9), _on_the_bench(life, days=4.0))
    life.tell(life.on(16, "14:30"), _to_the_vendor(life, answer="exchanged"))
    life.tell(life.on(9, "15:30"), _to_the_vendor(life, answer=None))
    life.tell(life.ago(hours=26), _to_the_vendor(life, answer=None, as_far_as="requested"))
    life.tell(life.on(4, "11:00"), _good_piece_first(life))
    life.tell(life.ago(hours=28), _customers_own(life))


async def _keep_terms(life: Life) -> None:
    for vendor, days, counts, runs_from, charge, words in TERMS:
        await vendor_terms.set_terms(
            NewTerms(
                vendor=vendor,
                days=days,
                counts=counts,
                calendar="CN",
                runs_from=runs_from,
                charge=charge,
                charge_percent=Decimal(50) if charge == "share" else None,
                grace=2 if charge == "share" else 0,
                doa_days=30,
                words=words,
            ),
            by=life.crew["buyer-1"],
        )


async def _piece(*, seller: str | None = None) -> _Piece:
    """The oldest defective unit of ours in the store that nobody does anything about, with who sells its part.

    Raises:
        NotToday: there is none.

    """
    found = await db.read_one(
        _Piece,
        """SELECT part.part_number, unit.serial, party.code AS vendor FROM unit
           JOIN place ON place.id = unit.place AND place.code = $1
           JOIN pool ON pool.id = unit.pool AND pool.contract IS NULL
           JOIN part ON part.id = unit.part
           JOIN party AS owner ON owner.id = unit.owner AND owner.is_ourselves
           JOIN offer ON offer.part = part.id
           JOIN vendor ON vendor.id = offer.vendor AND vendor.kind <> 'broker'
           JOIN party ON party.id = vendor.party AND ($2::text IS NULL OR party.code = $2)
           WHERE unit.condition = 'defective'
             AND NOT EXISTS (SELECT FROM scrapping WHERE scrapping.unit = unit.id)
             AND NOT EXISTS (SELECT FROM rma_line WHERE rma_line.unit = unit.id AND rma_line.closed_at IS NULL)
             AND NOT EXISTS (SELECT FROM repair_order WHERE repair_order.unit = unit.id AND repair_order.closed_at IS NULL)
           ORDER BY received_at, unit.id, party.code LIMIT 1""",
        DEPOT,
        seller,
    )
    if found is None:
        raise NotToday
    return found


async def _on_the_bench(life: Life, *, days: float, tested: bool = True) -> Story:
    """A unit is repaired on the bench, and found good."""
    piece, keeper = await _piece(), life.keeper(DEPOT)
    opened = await repairs.open_repair(
        DEPOT,
        piece.part_number,
        piece.serial,
        by=keeper,
        complaint="上电无响应 / dead when powered",
        failure_code="DEAD",
    )
    yield timedelta(hours=2)
    await repairs.start(opened.id, by=keeper)
    yield timedelta(days=days)
    await repairs.finish(
        opened.id,
        "reworked",
        "更换电容并清洁 / capacitors replaced, cleaned",
        by=keeper,
        diagnosis="供电电容鼓包 / bulged capacitors",
        labour_minutes=50,
        labour_cny=Decimal(80),
    )
    if tested:
        yield timedelta(hours=20)
        await repairs.pass_test(
            opened.id, "满载运行 12 小时无异常 / 12 hours at full load, no fault", by=life.crew["quality-supervisor-1"]
        )


async def _to_the_vendor(life: Life, *, answer: rmas.AnswerKind | None, as_far_as: rmas.State = "at_vendor") -> Story:
    """A defective unit goes back to who sells it."""
    piece, keeper, buyer = await _piece(seller="NANHUI"), life.keeper(DEPOT), life.crew["buyer-1"]
    (drafted,) = await rmas.draft(
        DEPOT,
        [
            rmas.NewLine(
                vendor=piece.vendor,
                part_number=piece.part_number,
                serial=piece.serial,
                asked="exchange",
                complaint="SMART 报警 / SMART alarms",
                failure_code="SMART",
            )
        ],
        by=keeper,
    )
    await rmas.request(drafted.id, by=keeper)
    if as_far_as == "requested":
        return
    yield timedelta(hours=20)
    await rmas.authorise(drafted.id, f"R{drafted.number[-6:]}", by=buyer)
    yield timedelta(hours=4)
    await rmas.ship(drafted.id, by=keeper, carrier="顺丰", waybill=f"SF77{drafted.number[-6:]}")
    yield timedelta(days=2)
    await answering.arrive(drafted.id, by=buyer)
    if answer is None:
        return
    yield timedelta(days=4)
    (serial,) = life.serials.next(piece.part_number)
    await answering.answer(drafted.id, 1, Answer(answer=answer, replacement_serial=serial), by=buyer)
    yield timedelta(days=2)
    await coming_in.receive(drafted.id, [Arrived(serial=serial)], by=keeper)


async def _good_piece_first(life: Life) -> Story:
    """A vendor sends the good unit first, and waits for the old one."""
    piece, keeper, buyer = await _piece(seller="NANHUI"), life.keeper(DEPOT), life.crew["buyer-1"]
    opened = await exchanges.open_exchange(
        piece.vendor, DEPOT, piece.part_number, by=keeper, serial=piece.serial, complaint="保内故障 / fails in warranty"
    )
    yield timedelta(hours=3)
    await rmas.authorise(opened.id, f"AX{opened.number[-6:]}", by=buyer)
    yield timedelta(hours=2)
    (serial,) = life.serials.next(piece.part_number)
    await exchanges.vendor_shipped(
        opened.id,
        by=buyer,
        serial=serial,
        waybill=f"SF88{opened.number[-6:]}",
        promised_at=clock.now() + timedelta(hours=20),
    )
    yield timedelta(hours=19)
    await coming_in.receive(opened.id, [Arrived(serial=serial)], by=keeper)


async def _customers_own(life: Life) -> Story:
    """A customer's own unit is fetched and repaired; one before it was brought back and signed for."""
    piece = await _piece()
    covered = next((each for each in life.devices if TRAVEL[each.site].get(DEPOT, FAR_HOURS) < FAR_HOURS), None)
    if covered is None:
        raise NotToday
    keeper, engineer = life.keeper(DEPOT), life.engineer(3)
    planned = await collecting.plan(
        collecting.NewCollection(
            device=covered.serial,
            depot=DEPOT,
            part_number=piece.part_number,
            serial=f"CU-{piece.serial}",
            complaint="客户自购件，保外维修 / the customer's own, out of warranty",
            accessories="防静电袋、托架 / antistatic bag, tray",
        ),
        by=life.crew["dispatcher-1"],
    )
    yield timedelta(hours=3)
    await collecting.collect(planned.id, by=keeper, given_by="王工")
    yield timedelta(hours=1)
    opened = await repairs.open_repair(DEPOT, piece.part_number, planned.serial, by=keeper, complaint=planned.complaint)
    await repairs.start(opened.id, by=keeper)
    yield timedelta(hours=12)
    await repairs.finish(
        opened.id, "part_replaced", "更换接口板 / interface board replaced", by=keeper, labour_minutes=70
    )
    yield timedelta(days=3)
    await repairs.pass_test(
        opened.id, "读写测试通过 / read and write test passed", by=life.crew["quality-supervisor-1"]
    )
    await collecting.bring_back(planned.id, by=keeper, signed_by="王工", strokes=signature_of(engineer.name))
