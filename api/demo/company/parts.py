"""What the demo company keeps: drives with their real field records, other parts, and the models they go into."""

import csv
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from pathlib import Path

from inventory.catalogue import register as catalogue
from inventory.ground.actor import Actor

DATA = Path(__file__).parents[1] / "data"

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
    """A part of the demo company: its price, lead times and failure rate (None: from the real record, if it has one)."""

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

SERVER_MAKERS = (
    ("DELL", "戴尔", "Dell"),
    ("HUAWEI", "华为", "Huawei"),
    ("INSPUR", "浪潮", "Inspur"),
    ("LENOVO", "联想", "Lenovo"),
    ("H3C", "新华三", "H3C"),
)


def _server_parts() -> list[PartSpec]:
    parts: list[PartSpec] = []
    for place, (maker, zh, en) in enumerate(SERVER_MAKERS):
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
    PartSpec("SWAP-2U", "2U 整机备机", "2U swap server", "swap_server", "INSPUR", 32_000, 30, 72, None),
]
"""Every part; all rates but the drives' are assumed, and whole units do not fail: they replace what could not be repaired."""

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


async def enter(start: date, *, by: Actor) -> None:
    """Enter the catalogue, with the failure rates as they were known at the start."""
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
            ),
            catalogue.NewSubstitution(
                part="HUH721212ALE604",
                substitute="WUH721414ALE6L4",
                kind="supersession",
                valid_from=start,
                remark="the maker's successor",
            ),
            catalogue.NewSubstitution(
                part="WUH721414ALE6L4", substitute="MG08ACA16TE", valid_from=start, remark="same interface, larger"
            ),
        ],
        by=by,
    )
    await catalogue.enter_swap_units(
        [
            catalogue.NewSwapUnit(model=model.code, part="SWAP-2U")
            for model in MODELS
            if f"MB-{model.maker}" in model.parts
        ],
        by=by,
    )
    await catalogue.enter_failure_rates([_rate(part, start) for part in PARTS if part.record or part.rate], by=by)


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
