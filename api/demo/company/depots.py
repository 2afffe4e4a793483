"""Where the demo company keeps its parts, and the ways between; with every other place it deals with."""

from decimal import Decimal

from api.demo.company.customers import CUSTOMERS
from api.demo.company.parts import SERVER_MAKERS
from api.demo.company.vendors import VENDORS
from inventory.ground.actor import Actor
from inventory.places import register as places

DEPOTS = [
    ("GZ", "depot", "广州备件库", "Guangzhou depot", "广州", "Guangzhou", None),
    ("SH", "depot", "上海备件库", "Shanghai depot", "上海", "Shanghai", None),
    ("SY", "depot", "沈阳备件库", "Shenyang depot", "沈阳", "Shenyang", None),
    ("ZJ", "onsite_store", "湛江驻场库", "Zhanjiang on-site store", "湛江", "Zhanjiang", "LINGHAI"),
    ("GY", "onsite_store", "贵阳驻场库", "Guiyang on-site store", "贵阳", "Guiyang", "QIANLING"),
    ("FS", "depot", "佛山周转库", "Foshan small store", "佛山", "Foshan", None),
]

CRITICAL_PARTS = [
    ("ST12000NM0008", "GZ", "common", 3),
    ("ST12000NM0008", "SH", "common", 3),
    ("ST12000NM0008", "SY", "common", 1),
    ("ST12000NM0008", "ZJ", "C-LINGHAI", 1),
    ("ST8000NM0055", "GY", "C-QIANLING", 1),
    ("DDR4-32G-2933", "SH", "common", 2),
    ("BBU-CVPM02", "GZ", "common", 2),
]
"""Parts whose critical point the project managers set by hand, whatever the plan would allow: part, store, pool, point."""

LANES = [
    ("GZ", "SH", "courier", 24, 120, 15, False),
    ("SH", "GZ", "courier", 24, 120, 15, False),
    ("GZ", "SH", "hand_carried", 7, 1900, 0, False),
    ("SH", "GZ", "hand_carried", 7, 1900, 0, False),
    ("SH", "SY", "courier", 26, 140, 15, False),
    ("SY", "SH", "courier", 26, 140, 15, False),
    ("SH", "SY", "hand_carried", 8, 2100, 0, False),
    ("SY", "SH", "hand_carried", 8, 2100, 0, False),
    ("GZ", "FS", "own_car", 2, 150, 5, True),
    ("FS", "GZ", "own_car", 2, 150, 5, True),
    ("GZ", "ZJ", "own_car", 6, 900, 5, True),
    ("GZ", "GY", "own_car", 9, 1300, 5, True),
    ("GZ", "SY", "courier", 40, 180, 18, False),
    ("SY", "GZ", "courier", 40, 180, 18, False),
    ("GZ", "SH", "own_car", 18, 3800, 5, True),
    ("SH", "GZ", "own_car", 18, 3800, 5, True),
]
"""From, to, mode, hours, yuan once, yuan a piece, whether lithium batteries may go that way."""


async def enter(*, by: Actor) -> None:
    """Enter customers, makers and vendors, the places of all, the lanes, and who serves whom."""
    vendor_codes = {vendor.code for vendor in VENDORS}
    makers = {
        code: (zh, en)
        for code, zh, en in (
            *SERVER_MAKERS,
            ("SEAGATE", "希捷", "Seagate"),
            ("WDC", "西部数据", "Western Digital"),
            ("TOSHIBA", "东芝", "Toshiba"),
        )
    }
    await places.enter_parties(
        [places.NewParty(code=c.code, name_zh=c.zh, name_en=c.en, is_customer=True) for c in CUSTOMERS]
        + [
            places.NewParty(code=code, name_zh=zh, name_en=en, is_maker=True, is_vendor=code in vendor_codes)
            for code, (zh, en) in makers.items()
        ]
        + [
            places.NewParty(code=v.code, name_zh=v.zh, name_en=v.en, is_vendor=True)
            for v in VENDORS
            if v.code not in makers
        ],
        by=by,
    )
    await places.enter_places(
        [
            places.NewPlace(code=code, kind=kind, name_zh=zh, name_en=en, city_zh=czh, city_en=cen, party=party)
            for code, kind, zh, en, czh, cen, party in DEPOTS
        ]
        + [
            places.NewPlace(
                code=s.code, kind="site", name_zh=s.zh, name_en=s.en, party=c.code, environment=s.environment
            )
            for c in CUSTOMERS
            for s in c.sites
        ]
        + [
            places.NewPlace(code=f"V-{v.code}", kind="vendor", name_zh=v.zh, name_en=v.en, party=v.code)
            for v in VENDORS
        ],
        by=by,
    )
    await places.enter_lanes(
        [
            places.NewLane(
                from_place=origin,
                to_place=target,
                mode=mode,
                hours=hours,
                fixed_cost_cny=Decimal(fixed),
                unit_cost_cny=Decimal(each),
                carries_lithium=lithium,
            )
            for origin, target, mode, hours, fixed, each, lithium in LANES
        ],
        by=by,
    )
    await places.enter_coverage(
        [
            places.NewCoverage(store=store, site=site.code, travel_hours=hours)
            for customer in CUSTOMERS
            for site in customer.sites
            for store, hours in site.travel.items()
        ],
        by=by,
    )
