"""粤申维保 (Yueshen Maintenance): who and what the demo company is. Fictional, but for the drives' failure rates."""

import csv
from dataclasses import dataclass
from datetime import date, time, timedelta
from decimal import Decimal
from pathlib import Path

from inventory.catalogue import register as catalogue
from inventory.ground.actor import Actor
from inventory.installed_base import register as installed_base
from inventory.places import register as places
from inventory.procurement import register as procurement
from inventory.stock import pools

DATA = Path(__file__).parent / "data"

CNY_PER_USD = 7.1
TAX = 0.13
"""Prices: US dollars × rate × (1 + VAT), to the ten yuan; assumed and fictional."""

HOLDING_RATE = 0.22


@dataclass(frozen=True)
class DriveRecord:
    """A drive model's real field record."""

    drives: int
    drive_days: int
    failed: int

    @property
    def annual_rate(self) -> float:
        """Failures per drive-year: failed / drive_days × 365."""
        return self.failed / self.drive_days * 365


def drive_records() -> dict[str, DriveRecord]:
    """The real field record, by model."""
    with (DATA / "drive_field_failures.csv").open() as file:
        return {
            row["model"]: DriveRecord(int(row["drives"]), int(row["drive_days"]), int(row["failed"]))
            for row in csv.DictReader(file)
        }


def drive_prices_cny() -> dict[str, Decimal]:
    """The prices found, in yuan with tax."""
    with (DATA / "drive_prices.csv").open() as file:
        return {
            row["model"]: Decimal(round(float(row["price_usd"]) * CNY_PER_USD * (1 + TAX) / 10) * 10)
            for row in csv.DictReader(file)
        }


@dataclass(frozen=True)
class PartSpec:
    """A part of the demo company: its price, lead times and failure rate (None: from the real record)."""

    number: str
    name_zh: str
    name_en: str
    kind: str
    maker: str
    cost: int
    days: int
    expedited_hours: int | None
    rate: float | None
    lithium: bool = False
    record: str | None = None
    alias: str | None = None

    @property
    def serialised(self) -> bool:
        """Whether each piece is kept by its serial; cheap small ones are counted."""
        return self.kind not in ("fan", "raid_battery")


def _drive(number: str, record: str, capacity: int, maker: str, price: Decimal | None = None) -> PartSpec:
    cost = price if price is not None else drive_prices_cny()[record]
    return PartSpec(
        number,
        f"{capacity}TB 企业级硬盘",
        f"{capacity} TB enterprise drive",
        "drive",
        maker,
        int(cost),
        7,
        24,
        None,
        record=record,
    )


DRIVES = [
    _drive("ST12000NM0008", "st12000nm0008", 12, "SEAGATE"),
    _drive("ST16000NM001G", "st16000nm001g", 16, "SEAGATE"),
    _drive("ST8000NM0055", "st8000nm0055", 8, "SEAGATE"),
    _drive("ST14000NM001G", "st14000nm001g", 14, "SEAGATE"),
    _drive("ST12000NM0007", "st12000nm0007", 12, "SEAGATE"),
    _drive("MG08ACA16TE", "toshiba mg08aca16te", 16, "TOSHIBA"),
    _drive("HUH721212ALE604", "wdc huh721212ale604", 12, "WDC"),
    _drive("WUH721414ALE6L4", "wdc wuh721414ale6l4", 14, "WDC"),
]

_MAKERS = (
    ("DELL", "戴尔", "Dell"),
    ("HUAWEI", "华为", "Huawei"),
    ("INSPUR", "浪潮", "Inspur"),
    ("LENOVO", "联想", "Lenovo"),
    ("H3C", "新华三", "H3C"),
)


def _server_parts() -> list[PartSpec]:
    parts: list[PartSpec] = []
    for place, (maker, zh, en) in enumerate(_MAKERS):
        parts += [
            PartSpec(
                f"PSU-750-{maker}",
                f"{zh} 750W 电源",
                f"{en} 750 W power supply",
                "psu",
                maker,
                1250 + 20 * place,
                10,
                36,
                0.030,
                alias=f"PWR-{place + 71}A9",
            ),
            PartSpec(f"FAN-2U-{maker}", f"{zh} 2U 风扇", f"{en} 2U fan", "fan", maker, 260 + 5 * place, 7, 24, 0.010),
            PartSpec(
                f"MB-{maker}",
                f"{zh} 服务器主板",
                f"{en} system board",
                "system_board",
                maker,
                9800 + 300 * place,
                21,
                72,
                0.015,
            ),
        ]
    return parts


PARTS = [
    *DRIVES,
    *_server_parts(),
    PartSpec(
        "DDR4-32G-2933",
        "32GB DDR4 内存",
        "32 GB DDR4 memory",
        "memory",
        "HUAWEI",
        1600,
        7,
        24,
        0.004,
        alias="MEM-32G-2R4",
    ),
    PartSpec("RAID-9361-8I", "9361-8i RAID 卡", "9361-8i RAID card", "raid_card", "LENOVO", 3600, 14, 48, 0.012),
    PartSpec("BBU-CVPM02", "RAID 卡电池", "RAID battery", "raid_battery", "LENOVO", 480, 14, 72, 0.045, lithium=True),
    PartSpec(
        "CTRL-S12",
        "12 盘位存储控制器",
        "12-bay storage controller",
        "storage_controller",
        "HUAWEI",
        38_000,
        30,
        96,
        0.020,
    ),
    PartSpec(
        "CTRL-S24",
        "24 盘位存储控制器",
        "24-bay storage controller",
        "storage_controller",
        "HUAWEI",
        38_000,
        30,
        96,
        0.020,
    ),
    PartSpec("SWAP-2U", "2U 整机备机", "2U swap server", "swap_server", "INSPUR", 32_000, 30, 72, 0.002),
]
"""Every part; all rates but the drives' are assumed."""

PART_BY_NUMBER = {part.number: part for part in PARTS}


@dataclass(frozen=True)
class ModelSpec:
    """A device model with its parts list."""

    code: str
    name: str
    maker: str
    parts: dict[str, int]
    critical: tuple[str, ...] = ()


def _server(code: str, name: str, maker: str, drive: str) -> ModelSpec:
    return ModelSpec(
        code,
        name,
        maker,
        {
            drive: 8,
            f"PSU-750-{maker}": 2,
            f"FAN-2U-{maker}": 6,
            f"MB-{maker}": 1,
            "DDR4-32G-2933": 12,
            "RAID-9361-8I": 1,
            "BBU-CVPM02": 1,
            "SWAP-2U": 1,
        },
        critical=(f"PSU-750-{maker}", drive),
    )


MODELS = [
    _server("R740", "PowerEdge R740", "DELL", "ST12000NM0008"),
    _server("2288H-V5", "FusionServer 2288H V5", "HUAWEI", "WUH721414ALE6L4"),
    _server("NF5280M5", "NF5280M5", "INSPUR", "ST8000NM0055"),
    _server("SR650", "ThinkSystem SR650", "LENOVO", "HUH721212ALE604"),
    _server("R4900-G3", "UniServer R4900 G3", "H3C", "ST16000NM001G"),
    ModelSpec(
        "S12",
        "12-bay storage",
        "HUAWEI",
        {"ST14000NM001G": 12, "CTRL-S12": 2, "PSU-750-HUAWEI": 2, "FAN-2U-HUAWEI": 4},
        ("CTRL-S12",),
    ),
    ModelSpec(
        "S24",
        "24-bay storage",
        "HUAWEI",
        {"MG08ACA16TE": 24, "CTRL-S24": 2, "PSU-750-HUAWEI": 2, "FAN-2U-HUAWEI": 4},
        ("CTRL-S24",),
    ),
]


@dataclass(frozen=True)
class SiteSpec:
    """A customer's machine room: its city, travel hours from stores, and devices by model."""

    code: str
    zh: str
    en: str
    travel: dict[str, float]
    devices: dict[str, int]


@dataclass(frozen=True)
class CustomerSpec:
    """A customer with its contract and sites; `terms` are (severity, hours, answer, arrive, repair, swap, progress, report)."""

    code: str
    zh: str
    en: str
    service_class: str
    sites: list[SiteSpec]
    terms: list[tuple[str, str, int | None, float | None, float | None, float | None, int | None, int | None]]
    text: str = ""
    dedicated: bool = False
    keeps_disks: bool = False
    minimum_provenance: str = "recovered"


CLASSES = [("1h", 1, 0.95), ("2h", 2, 0.94), ("3h", 3, 0.94), ("4h", 4, 0.93), ("8h", 8, 0.92), ("NBD", 24, 0.90)]
"""Code, hours to site, share of failures for which a part must be there in time."""


def _mix(r740: int, h2288: int, nf: int, sr: int, h3c: int, s12: int = 0, s24: int = 0) -> dict[str, int]:
    counts = {"R740": r740, "2288H-V5": h2288, "NF5280M5": nf, "SR650": sr, "R4900-G3": h3c, "S12": s12, "S24": s24}
    return {model: count for model, count in counts.items() if count}


def _same(
    arrive: float, repair: float | None = None
) -> list[tuple[str, str, int | None, float | None, float | None, float | None, int | None, int | None]]:
    return [
        (severity, hours, 15, arrive, repair, None, None, None)
        for severity in ("general", "severe")
        for hours in ("working", "non_working")
    ]


CUSTOMERS = [
    CustomerSpec(
        "LINGHAI",
        "岭海移动",
        "Linghai Mobile",
        "1h",
        [
            SiteSpec(
                "LINGHAI-ZJ",
                "岭海移动湛江机房",
                "Linghai Mobile, Zhanjiang",
                {"ZJ": 0.3, "GZ": 6.0},
                _mix(90, 80, 60, 0, 40, 8, 4),
            )
        ],
        [
            ("general", "working", 15, 1, 4, None, None, None),
            ("general", "non_working", 15, 2, 7, None, None, None),
            ("severe", "working", 15, 1, 4, None, None, None),
            ("severe", "non_working", 15, 2, 4, None, None, None),
        ],
        "7×24; on-site store, project-dedicated stock",
        dedicated=True,
        minimum_provenance="authorised_channel",
    ),
    CustomerSpec(
        "YUEWAN",
        "粤湾银行",
        "Yuewan Bank",
        "3h",
        [
            SiteSpec(
                "YUEWAN-GZ",
                "粤湾银行广州数据中心",
                "Yuewan Bank, Guangzhou",
                {"GZ": 0.8, "SH": 26},
                _mix(260, 120, 60, 90, 60, 10, 6),
            ),
            SiteSpec(
                "YUEWAN-SZ",
                "粤湾银行深圳数据中心",
                "Yuewan Bank, Shenzhen",
                {"GZ": 2.2, "SH": 26},
                _mix(150, 90, 50, 60, 40, 6, 4),
            ),
            SiteSpec(
                "YUEWAN-FS",
                "粤湾银行佛山灾备中心",
                "Yuewan Bank, Foshan",
                {"GZ": 1.1, "SH": 27},
                _mix(90, 60, 20, 40, 30, 6, 2),
            ),
        ],
        [
            ("general", "working", 15, 3, 4, 8, None, None),
            ("general", "non_working", 15, 5, 7, 8, None, None),
            ("severe", "working", 15, 2, 4, 8, None, None),
            ("severe", "non_working", 15, 2, 4, 8, None, None),
        ],
        "whole-unit swap started before the repair limit, complete within 8 h",
    ),
    CustomerSpec(
        "QIANLING",
        "黔岭政务云",
        "Qianling Government Cloud",
        "1h",
        [
            SiteSpec(
                "QIANLING-GY",
                "黔岭政务云贵阳机房",
                "Qianling Government Cloud, Guiyang",
                {"GY": 0.3, "GZ": 9.0},
                _mix(40, 140, 80, 20, 30, 6, 4),
            )
        ],
        [
            (severity, hours, 20, 1, None, None, 60, 48)
            for severity in ("general", "severe")
            for hours in ("working", "non_working")
        ],
        "answer 20 min, on site 1 h, progress every 60 min, report within 48 h",
        dedicated=True,
        minimum_provenance="authorised_channel",
    ),
    CustomerSpec(
        "LIAOBEI",
        "辽北通信",
        "Liaobei Telecom",
        "4h",
        [
            SiteSpec(
                "LIAOBEI-SY",
                "辽北通信沈阳机房",
                "Liaobei Telecom, Shenyang",
                {"SY": 0.7, "SH": 27},
                _mix(60, 160, 120, 60, 80, 8, 6),
            )
        ],
        _same(4, 8),
        "maker-direct or authorised parts only; depot open to inspection at any time; parts list per project",
        minimum_provenance="authorised_channel",
    ),
    CustomerSpec(
        "SHENPU",
        "申浦证券",
        "Shenpu Securities",
        "2h",
        [
            SiteSpec(
                "SHENPU-SH",
                "申浦证券上海机房",
                "Shenpu Securities, Shanghai",
                {"SH": 0.8, "GZ": 25},
                _mix(180, 60, 40, 90, 60, 6, 4),
            )
        ],
        _same(2, 4),
        "customer keeps defective disks",
        keeps_disks=True,
    ),
    CustomerSpec(
        "JIHE",
        "冀禾制造",
        "Jihe Manufacturing",
        "NBD",
        [
            SiteSpec(
                "JIHE-TS",
                "冀禾制造唐山工厂",
                "Jihe Manufacturing, Tangshan",
                {"SY": 7.5, "SH": 20},
                _mix(20, 30, 40, 30, 30),
            )
        ],
        _same(24, 48),
        "quarterly visits, P1–P4, loaner of equal function until repaired",
    ),
]

_SMALLER = [
    (
        "HAIZHU",
        "海珠医院",
        "Haizhu Hospital",
        "4h",
        "广州",
        "Guangzhou",
        {"GZ": 0.9, "SH": 26},
        _mix(40, 20, 10, 20, 10),
    ),
    (
        "NANSHA",
        "南沙港务",
        "Nansha Port",
        "4h",
        "广州",
        "Guangzhou",
        {"GZ": 1.6, "SH": 27},
        _mix(20, 40, 20, 10, 20, 2),
    ),
    (
        "DONGGUAN",
        "东莞精工",
        "Dongguan Precision",
        "8h",
        "东莞",
        "Dongguan",
        {"GZ": 1.4, "SH": 27},
        _mix(30, 10, 30, 10, 10),
    ),
    (
        "ZHUHAI",
        "珠海航空",
        "Zhuhai Aviation",
        "8h",
        "珠海",
        "Zhuhai",
        {"GZ": 2.4, "SH": 28},
        _mix(40, 20, 10, 20, 20, 2, 2),
    ),
    (
        "XIAMEN",
        "厦门物流",
        "Xiamen Logistics",
        "NBD",
        "厦门",
        "Xiamen",
        {"GZ": 8.0, "SH": 12},
        _mix(20, 20, 20, 10, 10),
    ),
    (
        "CHANGSHA",
        "长沙教育",
        "Changsha Education",
        "NBD",
        "长沙",
        "Changsha",
        {"GZ": 7.0, "SH": 14},
        _mix(30, 30, 20, 20, 20, 2),
    ),
    (
        "PUDONG",
        "浦东软件",
        "Pudong Software",
        "4h",
        "上海",
        "Shanghai",
        {"SH": 0.9, "GZ": 25},
        _mix(60, 30, 20, 40, 20, 2, 2),
    ),
    (
        "SUZHOU",
        "苏州半导体",
        "Suzhou Semiconductor",
        "4h",
        "苏州",
        "Suzhou",
        {"SH": 1.8, "GZ": 26},
        _mix(40, 40, 20, 30, 30, 4),
    ),
    (
        "HANGZHOU",
        "杭州电商",
        "Hangzhou Commerce",
        "4h",
        "杭州",
        "Hangzhou",
        {"SH": 2.6, "GZ": 24},
        _mix(80, 40, 60, 40, 40, 4, 4),
    ),
    (
        "NANJING",
        "南京电力",
        "Nanjing Power",
        "8h",
        "南京",
        "Nanjing",
        {"SH": 3.8, "GZ": 25},
        _mix(30, 60, 40, 20, 30, 4),
    ),
    (
        "HEFEI",
        "合肥科研",
        "Hefei Research",
        "NBD",
        "合肥",
        "Hefei",
        {"SH": 5.5, "GZ": 20},
        _mix(40, 20, 30, 20, 20, 2, 2),
    ),
    ("WUHAN", "武汉光电", "Wuhan Optics", "NBD", "武汉", "Wuhan", {"SH": 9.0, "GZ": 10.5}, _mix(30, 30, 30, 20, 20)),
    (
        "HUNNAN",
        "浑南制造",
        "Hunnan Works",
        "4h",
        "沈阳",
        "Shenyang",
        {"SY": 0.8, "SH": 26},
        _mix(20, 30, 40, 20, 30, 2),
    ),
    (
        "DALIAN",
        "大连船务",
        "Dalian Shipping",
        "8h",
        "大连",
        "Dalian",
        {"SY": 4.6, "SH": 22},
        _mix(30, 30, 30, 30, 20, 2, 2),
    ),
    (
        "CHANGCHUN",
        "长春汽车",
        "Changchun Motor",
        "NBD",
        "长春",
        "Changchun",
        {"SY": 3.6, "SH": 28},
        _mix(40, 30, 40, 30, 30, 2),
    ),
]

_ARRIVE = {"4h": 4.0, "8h": 8.0, "NBD": 24.0}

CUSTOMERS += [
    CustomerSpec(
        code,
        zh,
        en,
        service_class,
        [SiteSpec(f"{code}-1", f"{zh}{city_zh}机房", f"{en}, {city_en}", travel, devices)],
        _same(_ARRIVE[service_class]),
    )
    for code, zh, en, service_class, city_zh, city_en, travel, devices in _SMALLER
]

SITES_OF_DEPOT: dict[str, list[str]] = {}
"""Which sites each store serves: the nearest one with their stock."""
for _customer in CUSTOMERS:
    for _site in _customer.sites:
        SITES_OF_DEPOT.setdefault(min(_site.travel, key=lambda store: _site.travel[store]), []).append(_site.code)

DEPOTS = [
    ("GZ", "depot", "广州备件库", "Guangzhou depot", "广州", "Guangzhou", None),
    ("SH", "depot", "上海备件库", "Shanghai depot", "上海", "Shanghai", None),
    ("SY", "depot", "沈阳备件库", "Shenyang depot", "沈阳", "Shenyang", None),
    ("ZJ", "onsite_store", "湛江驻场库", "Zhanjiang on-site store", "湛江", "Zhanjiang", "LINGHAI"),
    ("GY", "onsite_store", "贵阳驻场库", "Guiyang on-site store", "贵阳", "Guiyang", "QIANLING"),
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
    ("GZ", "ZJ", "own_car", 6, 900, 5, True),
    ("GZ", "GY", "own_car", 9, 1300, 5, True),
    ("GZ", "SY", "courier", 40, 180, 18, False),
    ("SY", "GZ", "courier", 40, 180, 18, False),
    ("GZ", "SH", "own_car", 18, 3800, 5, True),
    ("SH", "GZ", "own_car", 18, 3800, 5, True),
]
"""From, to, mode, hours, yuan once, yuan a piece, whether lithium batteries may go that way."""


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
    """Enter the whole company, as it was two years ago, with the offers and letters of today."""
    await _enter_places(by)
    await _enter_catalogue(start, by)
    await _enter_contracts(start, by)
    await _enter_vendors(start, today, endpoint, by)


async def _enter_places(by: Actor) -> None:
    vendor_codes = {vendor.code for vendor in VENDORS}
    makers = {
        code: (zh, en)
        for code, zh, en in (
            *_MAKERS,
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
            places.NewPlace(code=s.code, kind="site", name_zh=s.zh, name_en=s.en, party=c.code)
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


async def _enter_catalogue(start: date, by: Actor) -> None:
    await catalogue.enter_parts(
        [
            catalogue.NewPart(
                part_number=part.number,
                name_zh=part.name_zh,
                name_en=part.name_en,
                kind=part.kind,
                maker=part.maker,
                unit_cost_cny=Decimal(part.cost),
                holding_rate_per_year=HOLDING_RATE,
                lithium=part.lithium,
                serialised=part.serialised,
                cost_source="drive_prices.csv at 7.1 CNY/USD + 13 % VAT" if part.record else "assumed",
            )
            for part in PARTS
        ],
        by=by,
    )
    await catalogue.enter_aliases(
        [catalogue.NewAlias(part=part.number, number=part.alias, kind="fru") for part in PARTS if part.alias], by=by
    )
    await catalogue.enter_models(
        [catalogue.NewModel(code=model.code, name=model.name, maker=model.maker) for model in MODELS], by=by
    )
    await catalogue.enter_model_parts(
        [
            catalogue.NewModelPart(model=model.code, part=part, per_device=count, critical=part in model.critical)
            for model in MODELS
            for part, count in model.parts.items()
        ],
        by=by,
    )
    await catalogue.enter_substitutions(
        [
            catalogue.NewSubstitution(
                part="ST12000NM0008", substitute="ST12000NM0007", valid_from=start, remark="same capacity and interface"
            )
        ],
        by=by,
    )
    await catalogue.enter_failure_rates([_rate(part, start) for part in PARTS], by=by)


def _rate(part: PartSpec, start: date) -> catalogue.NewFailureRate:
    """A drive's rate from its field record; any other part's is assumed, with little weight."""
    if part.record is not None:
        record = drive_records()[part.record]
        # the operator's rooms are not our customers': the record counts as a prior of at most twenty failures
        shape = min(record.failed, 20.0)
        return catalogue.NewFailureRate(
            part=part.number,
            valid_from=start,
            annual_rate=record.annual_rate,
            shape=shape,
            exposure_device_years=shape / record.annual_rate,
            failures=record.failed,
            device_years=record.drive_days / 365,
            source="field_record",
            evidence=f"{record.failed} failures in {record.drive_days} drive-days of {record.drives} drives",
        )
    rate = part.rate or 0.0
    return catalogue.NewFailureRate(
        part=part.number,
        valid_from=start,
        annual_rate=rate,
        shape=1.0,
        exposure_device_years=1.0 / rate,
        failures=0,
        device_years=0,
        source="assumed",
        evidence="assumed for the demo company",
    )


async def _enter_contracts(start: date, by: Actor) -> None:
    await installed_base.enter_calendars(
        [
            installed_base.NewCalendar(
                code="CN",
                name_zh="中国工作日 9–18 点",
                name_en="Chinese working days, 9 to 18",
                time_zone="Asia/Shanghai",
                working_days=[1, 2, 3, 4, 5],
                opens_at=time(9),
                closes_at=time(18),
                holidays="CN",
            )
        ],
        by=by,
    )
    await installed_base.enter_service_classes(
        [
            installed_base.NewServiceClass(code=code, time_to_site_hours=hours, target_fraction=target)
            for code, hours, target in CLASSES
        ],
        by=by,
    )
    await installed_base.enter_contracts(
        [
            installed_base.NewContract(
                code=f"C-{c.code}",
                customer=c.code,
                name_zh=f"{c.zh}维保合同",
                name_en=f"{c.en} maintenance",
                calendar="CN",
                service_class=c.service_class,
                starts_on=start,
                minimum_provenance=c.minimum_provenance,
                dedicated_stock=c.dedicated,
                customer_keeps_disks=c.keeps_disks,
                terms=c.text,
            )
            for c in CUSTOMERS
        ],
        by=by,
    )
    await installed_base.enter_service_terms(
        [
            installed_base.NewServiceTerm(
                contract=f"C-{c.code}",
                severity=severity,
                hours=hours,
                answer_minutes=answer,
                arrive_hours=arrive,
                repair_hours=repair,
                swap_complete_hours=swap,
                progress_minutes=progress,
                report_hours=report,
            )
            for c in CUSTOMERS
            for severity, hours, answer, arrive, repair, swap, progress, report in c.terms
        ],
        by=by,
    )
    await installed_base.enter_devices(devices(start), by=by)
    await pools.enter_pools(
        [pools.NewPool(code=f"C-{c.code}", contract=f"C-{c.code}") for c in CUSTOMERS if c.dedicated], by=by
    )


def devices(start: date) -> list[installed_base.NewDevice]:
    """Every covered device, with firmware and environment."""
    found: list[installed_base.NewDevice] = []
    environments = ("clean room", "clean room", "clean room", "dusty", "humid")
    for customer in CUSTOMERS:
        for site in customer.sites:
            for model, count in site.devices.items():
                for number in range(count):
                    serial = f"{model.replace('-', '')}-{site.code.replace('-', '')}-{number + 1:03d}"
                    found.append(
                        installed_base.NewDevice(
                            serial=serial,
                            model=model,
                            site=site.code,
                            contract=f"C-{customer.code}",
                            installed_on=start - timedelta(days=30 * (number % 24)),
                            registration_number=f"YS{len(found) + 1:06d}",
                            firmware=("2.8.1", "2.9.4", "3.0.2")[number % 3],
                            environment=environments[number % 5],
                            warranty_until=start + timedelta(days=365 * (1 + number % 4)),
                        )
                    )
    return found


async def _enter_vendors(start: date, today: date, endpoint: str, by: Actor) -> None:
    await procurement.enter_vendors(
        [
            procurement.NewVendor(
                party=v.code,
                place=f"V-{v.code}",
                kind=v.kind,
                channel="http",
                endpoint=f"{endpoint}/vendors/{v.code}",
                return_terms=v.terms,
            )
            for v in VENDORS
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
        fast = part.expedited_hours if vendor.kind != "repairer" else None
        offers.append(
            procurement.NewOffer(
                vendor=vendor.code,
                part=part.number,
                unit_price_cny=price.quantize(Decimal("0.01")),
                minimum_quantity=1,
                lot_size=1,
                maximum_quantity=60,
                order_fee_cny=Decimal(0),
                lead_time_days=float(part.days),
                valid_from=start,
                expedited_hours=float(fast) if fast else None,
                expedited_price_cny=(price * Decimal("1.25")).quantize(Decimal("0.01")) if fast else None,
                expedited_fee_cny=Decimal(300) if fast else None,
            )
        )
    return offers
