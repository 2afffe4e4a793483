"""Papers of purchase orders: the order itself, and what a vendor packs with the goods it announced."""

from decimal import Decimal
from typing import NamedTuple

from api.pages.formats import minute, money
from api.papers import labels
from api.papers.forms import Fact, Line, Paper
from inventory.catalogue import parts
from inventory.ground import clock
from inventory.ground.errors import Invalid
from inventory.places import names
from inventory.procurement.changes import ChangeView
from inventory.procurement.desk import DeskOrder
from inventory.procurement.orders import OrderToPlace
from inventory.procurement.prices import CNY
from inventory.stock import codes
from inventory.stock.notices import NoticeView

LABELS_AT_MOST = 500


class NoSerialsAnnounced(Invalid):
    """Notice {number} names no serials to print labels of."""

    zh = "预到货通知 {number} 未列序列号，无法打印标签。"
    help_en = "Withdraw it and announce the delivery anew with the serials of its pieces."
    help_zh = "请撤回后重新填报，并列出每件的序列号。"


async def of_order_to_place(order: OrderToPlace, change: ChangeView | None = None) -> Paper:
    """An order as it goes to its vendor, or as it is to become."""
    lines = [
        _Line(
            line.part_number,
            line.quantity,
            line.currency,
            Decimal(line.unit_price),
            Decimal(line.unit_price_cny),
            line.framework_number,
        )
        for line in order.lines
    ]
    total, wanted = Decimal(order.total_cny), order.wanted_at
    facts: list[Fact] = []
    if change is not None:
        lines = [
            _Line(
                line.part_number,
                line.quantity,
                line.currency,
                line.unit_price,
                line.unit_price_cny,
                line.framework_number,
            )
            for line in change.after.lines
        ]
        total, wanted = change.after.total_cny, change.after.wanted_at
        facts = [
            Fact(("版本", "Version"), str(change.version)),
            Fact(("变更原因", "Why changed"), change.reason),
            *([Fact(("改送", "Deliver to instead"), change.after.ship_to)] if change.after.ship_to else []),
        ]
    return await _order(
        order.number,
        [
            *facts,
            Fact(("供应商", "Vendor"), order.vendor),
            Fact(("收货地点", "Ship to"), f"{order.ship_to_zh} {order.ship_to_en} ({order.ship_to})"),
            Fact(("方式", "Way"), "加急 expedited" if order.expedited else "普通 normal"),
            Fact(("期望到货", "Wanted for"), minute(wanted) if wanted else "–"),
        ],
        lines,
        total,
        printed_by="service",
    )


async def of_desk_order(order: DeskOrder, *, printed_by: str) -> Paper:
    """An order as its vendor sees it."""
    return await _order(
        order.number,
        [
            Fact(("版本", "Version"), str(order.version)),
            Fact(("收货地点", "Ship to"), f"{order.ship_to_zh} {order.ship_to_en} ({order.ship_to})"),
            Fact(("方式", "Way"), "加急 expedited" if order.expedited else "普通 normal"),
            Fact(("期望到货", "Wanted for"), minute(order.wanted_at) if order.wanted_at else "–"),
            Fact(("承诺到货", "Promised for"), minute(order.promised_at) if order.promised_at else "–"),
        ],
        [
            _Line(
                line.part_number,
                line.quantity,
                line.currency,
                line.unit_price,
                line.unit_price_cny,
                line.framework_number,
            )
            for line in order.lines
        ],
        order.total_cny,
        printed_by=printed_by,
    )


class _Line(NamedTuple):
    """So many of a part at a price in the vendor's currency, in CNY at the order's rate, and its framework contract."""

    part_number: str
    quantity: int
    currency: str
    unit_price: Decimal
    unit_price_cny: Decimal
    framework_number: str | None


def _frameworks(lines: list[_Line]) -> list[str]:
    """The framework contracts that lines' prices come from."""
    return sorted({line.framework_number for line in lines if line.framework_number is not None})


async def _order(number: str, facts: list[Fact], lines: list[_Line], total: Decimal, *, printed_by: str) -> Paper:
    """The paper: every line in the currency that its vendor asks, and each currency's sum; fees and the whole in CNY."""
    called = await parts.names([line.part_number for line in lines])
    company = await names.our_name()
    agreed = {number: [x.part_number for x in lines if x.framework_number == number] for number in _frameworks(lines)}
    fees = total - sum((line.unit_price_cny * line.quantity for line in lines), Decimal(0))
    foreign = sorted({line.currency for line in lines} - {CNY})
    sums = [
        (
            ("货款", "Goods"),
            sum((x.unit_price * x.quantity for x in lines if x.currency == currency), Decimal(0)),
            currency,
        )
        for currency in foreign
    ]
    sums += [(("费用", "Fees"), fees, CNY)] if fees else []
    sums.append((("合计（折人民币）", "Total in CNY") if foreign else ("合计", "Total"), total, CNY))
    return Paper(
        form="purchase_order",
        company=(company.name_zh, company.name_en),
        number=number,
        facts=[
            *facts,
            *(
                Fact(
                    ("框架协议", "Framework contract"),
                    number if len(of) == len(lines) else f"{number}: {', '.join(of)}",
                )
                for number, of in agreed.items()
            ),
        ],
        lines=[
            Line(
                part_number=line.part_number,
                name_zh=called[line.part_number].name_zh,
                name_en=called[line.part_number].name_en,
                quantity=line.quantity,
                cells={
                    "price": [money(line.unit_price, fen=True, currency=line.currency)],
                    "amount": [money(line.unit_price * line.quantity, fen=True, currency=line.currency)],
                },
            )
            for line in lines
        ]
        + [
            Line(cells={"part": ["", *name], "amount": [money(amount, fen=True, currency=currency)]})
            for name, amount, currency in sums
        ],
        printed_at=clock.now(),
        printed_by=printed_by,
    )


async def of_notice(notice: NoticeView, *, printed_by: str) -> Paper:
    """What a vendor puts into the box: the order it belongs to, and the pieces with their serials."""
    called = await names.names_of([notice.depot, notice.origin])
    company = await names.our_name()

    def place(code: str) -> str:
        return f"{called[code].name_zh} {called[code].name_en} ({code})" if code in called else code

    return Paper(
        form="delivery_note",
        company=(company.name_zh, company.name_en),
        number=notice.number,
        facts=[
            Fact(("采购订单", "Purchase order"), notice.document or "–"),
            Fact(("发货方", "From"), place(notice.origin)),
            Fact(("收货地点", "To"), place(notice.depot)),
            Fact(("预计到达", "Due"), minute(notice.due_at)),
            Fact(("承运人", "Carrier"), notice.carrier or "–"),
            Fact(("运单", "Waybill"), notice.waybill or "–"),
        ],
        lines=[
            Line(
                part_number=line.part_number,
                name_zh=line.name_zh,
                name_en=line.name_en,
                quantity=line.quantity,
                pieces=line.serials,
            )
            for line in notice.lines
        ],
        remarks=notice.remark,
        printed_at=clock.now(),
        printed_by=printed_by,
    )


def labels_of(notice: NoticeView, size: labels.Size) -> labels.Sheet:
    """A label for each piece that a notice names by its serial, as our scanners read it at the dock.

    Raises:
        NoSerialsAnnounced: it names none.

    """
    made = [
        labels.Label(
            code=codes.unit_code(line.part_number, serial, None),
            title=serial,
            lines=[f"P/N {line.part_number}", line.name_zh, line.name_en, f"{notice.document or notice.number}"],
        )
        for line in notice.lines
        for serial in line.serials
    ][:LABELS_AT_MOST]
    if not made:
        raise NoSerialsAnnounced(number=notice.number)
    return labels.Sheet(size=size, labels=made, printed_at=clock.now())
