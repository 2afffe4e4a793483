"""Whom the demo company serves: customers with their sites, contracts, service terms and devices."""

from dataclasses import dataclass
from datetime import date, time, timedelta

from inventory.ground.actor import Actor
from inventory.installed_base import register as installed_base
from inventory.places.register import Environment
from inventory.stock import pools


@dataclass(frozen=True)
class SiteSpec:
    """A customer's machine room: its city, travel hours from stores, devices by model, and what they stand in."""

    code: str
    zh: str
    en: str
    travel: dict[str, float]
    devices: dict[str, int]
    environment: Environment = "data_centre"


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


LENT_TO = ("JIHE", "HAIZHU")
"""Customers whose contracts promise equipment of equal function until a repair is done."""

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
                environment="server_room",
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
                environment="server_room",
            )
        ],
        [
            (severity, hours, 20, 1, None, None, 60, 48)
            for severity in ("general", "severe")
            for hours in ("working", "non_working")
        ],
        "answer 20 min, on site 1 h, progress every 60 min, report within 48 h; pulled parts allowed for old machines",
        dedicated=True,
        minimum_provenance="pulled",
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
                environment="server_room",
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
                environment="industrial",
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


async def enter(start: date, *, by: Actor) -> None:
    """Enter contracts with their terms and devices; a pool for each that has stock of its own."""
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
                lends_equal_function=c.code in LENT_TO,
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
    await installed_base.forbid_parts(
        [
            installed_base.NewForbiddenPart(
                contract=f"C-{CUSTOMERS[-1].code}", part="ST12000NM0007", reason="合同约定不使用上一代硬盘"
            )
        ],
        by=by,
    )
    await installed_base.enter_devices(devices(start), by=by)
    await pools.enter_pools(
        [pools.NewPool(code=f"C-{c.code}", contract=f"C-{c.code}") for c in CUSTOMERS if c.dedicated], by=by
    )


def devices(start: date) -> list[installed_base.NewDevice]:
    """Every covered device, with its firmware and age."""
    found: list[installed_base.NewDevice] = []
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
                            warranty_until=start + timedelta(days=365 * (1 + number % 4)),
                        )
                    )
    return found
