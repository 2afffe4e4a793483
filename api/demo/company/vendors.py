"""Whom the demo company buys from: vendors with their letters and offers."""

from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal

from api.demo.company.parts import DRIVES, PARTS
from inventory.ground.actor import Actor
from inventory.installed_base.holidays import next_holidays
from inventory.procurement import register as procurement


@dataclass(frozen=True)
class VendorSpec:
    """A vendor: its kind, the makers whose letters it holds (with days left), and how it prices."""

    code: str
    zh: str
    en: str
    kind: str
    letters: dict[str, int]
    price: float
    terms: str


BY_MAIL = {"KUAITONG": "orders@kuaitong.example"}
"""The vendors that take orders by mail alone, with their addresses."""

ABROAD, GENERAL = "DELL", "KUAITONG"
"""Who quotes in dollars, from abroad and without a 发票, and who gives a general one."""

DOLLARS = Decimal("709.85")
"""CNY for 100 US dollars; made up, of the size that it has."""

REPAIR_SHARE = Decimal("0.3")
"""What the repairer asks for a repair, as a share of a new part; assumed."""

EXCHANGES = ("DELL", "HUAWEI", "LENOVO", "NANHUI")
"""Who sends a good part in advance of the bad one."""

EXCHANGE_SHARE = Decimal("0.4")
"""What an exchange costs outside the warranty, as a share of a new part; assumed."""

FRAMEWORKS = {"NANHUI": ("drive",), "LENOVO": ("psu", "fan")}
"""With whom prices are agreed in a framework contract, and for which kinds of parts."""

HOLIDAYS_OF_A_YEAR = 9
"""Enough of the next holidays for the Spring Festival to be among them."""

VENDORS = [
    VendorSpec("DELL", "戴尔服务", "Dell Service", "maker", {}, 1.06, "15 天内未返还按目录价收费"),
    VendorSpec("HUAWEI", "华为服务", "Huawei Service", "maker", {}, 1.05, "10 天"),
    VendorSpec("INSPUR", "浪潮服务", "Inspur Service", "maker", {}, 1.05, "10 天"),
    VendorSpec("LENOVO", "联想服务", "Lenovo Service", "maker", {}, 1.05, "5 个工作日"),
    VendorSpec(
        "NANHUI",
        "南汇分销",
        "Nanhui Distribution",
        "distributor",
        {"SEAGATE": 400, "WDC": 400, "TOSHIBA": 400, "H3C": 300, "HUAWEI": 300},
        1.00,
        "5 个工作日",
    ),
    VendorSpec(
        "HUAXIN",
        "华信科贸",
        "Huaxin Trading",
        "distributor",
        {"SEAGATE": 24, "DELL": 250, "LENOVO": 250, "INSPUR": 250},
        0.98,
        "10 天",
    ),
    VendorSpec(
        "BEIFANG",
        "北方器材",
        "Beifang Supply",
        "distributor",
        {"WDC": 200, "TOSHIBA": 200, "LENOVO": 200, "H3C": 200},
        1.01,
        "10 天",
    ),
    VendorSpec("XIUDA", "修达维修", "Xiuda Repair", "repairer", {}, 0.62, "5 个工作日"),
    VendorSpec("KUAITONG", "快通贸易", "Kuaitong Brokers", "broker", {}, 0.80, "不退不换"),
]


async def enter(start: date, today: date, endpoint: str, *, by: Actor) -> None:
    """Enter vendors, with the offers, letters and closures of today."""
    await procurement.enter_vendors(
        [
            procurement.NewVendor(
                party=v.code,
                place=f"V-{v.code}",
                kind=v.kind,
                channel="mail" if v.code in BY_MAIL else "http",
                endpoint=BY_MAIL.get(v.code, f"{endpoint}/vendors/{v.code}"),
                return_terms=v.terms,
                holidays="CN" if v.kind == "repairer" else None,
                takes_drills=True,  # none of them is real
            )
            for v in VENDORS
        ],
        by=by,
    )
    festival = next(day for day in next_holidays(today, HOLIDAYS_OF_A_YEAR) if day.name_en == "Spring Festival")
    await procurement.enter_closures(
        [
            procurement.NewClosure(
                vendor="BEIFANG",
                first_on=festival.starts_on - timedelta(days=5),
                last_on=festival.ends_on + timedelta(days=6),
                remark="春节放假至元宵节 / Spring Festival to the Lantern Festival",
            )
        ],
        by=by,
    )
    await procurement.enter_authorisations(
        [
            procurement.NewAuthorisation(
                vendor=v.code,
                maker=maker,
                letter_number=f"{maker}-{v.code}-{start.year}",
                valid_from=start,
                valid_to=today + timedelta(days=left),
            )
            for v in VENDORS
            for maker, left in v.letters.items()
        ],
        by=by,
    )
    await procurement.enter_offers([offer for v in VENDORS for offer in _offers(v, start)], by=by)


def _offers(vendor: VendorSpec, start: date) -> list[procurement.NewOffer]:
    """What a vendor offers: makers their own make, distributors what they hold letters for, others what they find."""
    if vendor.kind == "maker":
        sold = [part for part in PARTS if part.maker == vendor.code]
    elif vendor.letters:
        sold = [part for part in PARTS if part.maker in vendor.letters]
    else:
        sold = DRIVES[:4] if vendor.kind == "broker" else [part for part in PARTS if part.kind in ("psu", "raid_card")]
    offers: list[procurement.NewOffer] = []
    for part in sold:
        price = Decimal(part.cost) * Decimal(str(vendor.price))
        if vendor.code == ABROAD:
            price = price * 100 / DOLLARS
        fast = part.expedited_hours if vendor.kind != "repairer" else None
        offers.append(
            procurement.NewOffer(
                vendor=vendor.code,
                part=part.number,
                unit_price=price.quantize(Decimal("0.01")),
                minimum_quantity=1,
                lot_size=1,
                maximum_quantity=60,
                order_fee=Decimal(0),
                lead_time_days=float(part.days),
                valid_from=start,
                currency="USD" if vendor.code == ABROAD else "CNY",
                invoice_kind="none" if vendor.code == ABROAD else "general" if vendor.code == GENERAL else "special",
                tax_percent=Decimal(0 if vendor.code == ABROAD else 3 if vendor.code == GENERAL else 13),
                expedited_hours=float(fast) if fast else None,
                expedited_price=(price * Decimal("1.25")).quantize(Decimal("0.01")) if fast else None,
                expedited_fee=Decimal(40 if vendor.code == ABROAD else 300) if fast else None,
                exchange_hours=24.0 if vendor.code in EXCHANGES else None,
                exchange_fee=(price * EXCHANGE_SHARE).quantize(Decimal("0.01")) if vendor.code in EXCHANGES else None,
                repair_price=(part.cost * REPAIR_SHARE).quantize(Decimal("0.01"))
                if vendor.kind == "repairer"
                else None,
                repair_days=12.0 if vendor.kind == "repairer" else None,
                framework_number=f"FA-{start.year}-{vendor.code}"
                if part.kind in FRAMEWORKS.get(vendor.code, ())
                else None,
            )
        )
    return offers
