"""The small company every test starts from: two depots, an on-site store, a few parts, people and contracts."""

from datetime import date, time, timedelta
from decimal import Decimal

from inventory.catalogue import register as catalogue
from inventory.emergency.policy import NewPolicy, put_in_force
from inventory.ground import clock, db
from inventory.ground.actor import Actor, service
from inventory.installed_base import register as installed_base
from inventory.master_data import records
from inventory.people.roles import rights_of
from inventory.places import register as places
from inventory.procurement import register as procurement
from inventory.stock import pools, receipts

SETUP = service("setup")

DRIVE, FAN, PSU, BATTERY = "ST12000NM0008", "FAN-2U", "PSU-750", "BBU-9361"


def actor(
    role: str, *, depots: set[str] | None = None, contracts: set[str] | None = None, vendor: str | None = None
) -> Actor:
    """Somebody with one role."""
    return Actor(
        name=f"{role}-tester",
        kind="person",
        roles=frozenset({role}),
        rights=rights_of(frozenset({role})),
        depots=None if depots is None else frozenset(depots),
        contracts=None if contracts is None else frozenset(contracts),
        vendor=vendor,
    )


KEEPER = actor("warehouse_keeper", depots={"GZ"})
SH_KEEPER = actor("warehouse_keeper", depots={"SH"})
DISPATCHER = actor("dispatcher")
BUYER = actor("buyer")
PLANNER = actor("planner")
MANAGER = actor("project_manager")
AUDITOR = actor("auditor")
ENGINEER = actor("engineer")
SUPERVISOR = actor("quality_supervisor")
ADMIN = actor("administrator")


async def build() -> None:
    """Enter the company."""
    await _places()
    await _catalogue()
    await _contracts()
    await _vendors()
    await put_in_force(NewPolicy(remark="the default"), by=SETUP)
    await _stock()


async def _places() -> None:
    await places.enter_parties(
        [
            places.NewParty(code="OWN", name_zh="我方", name_en="Ourselves", is_ourselves=True),
            places.NewParty(code="BANK", name_zh="测试银行", name_en="Test Bank", is_customer=True),
            places.NewParty(code="TELCO", name_zh="测试移动", name_en="Test Telco", is_customer=True),
            places.NewParty(code="SEAGATE", name_zh="希捷", name_en="Seagate", is_maker=True),
            places.NewParty(code="DELL", name_zh="戴尔", name_en="Dell", is_maker=True, is_vendor=True),
            places.NewParty(code="DISTI", name_zh="测试分销", name_en="Test Distributor", is_vendor=True),
        ],
        by=SETUP,
    )
    await places.enter_outside_places(by=SETUP)
    await places.enter_places(
        [
            places.NewPlace(
                code="GZ", kind="depot", name_zh="广州备件库", name_en="Guangzhou", city_zh="广州", city_en="Guangzhou"
            ),
            places.NewPlace(
                code="SH", kind="depot", name_zh="上海备件库", name_en="Shanghai", city_zh="上海", city_en="Shanghai"
            ),
            places.NewPlace(code="ZJ", kind="onsite_store", name_zh="湛江驻场库", name_en="Zhanjiang", party="TELCO"),
            places.NewPlace(
                code="BANK-GZ", kind="site", name_zh="测试银行广州机房", name_en="Test Bank Guangzhou", party="BANK"
            ),
            places.NewPlace(
                code="TELCO-ZJ", kind="site", name_zh="测试移动湛江机房", name_en="Test Telco Zhanjiang", party="TELCO"
            ),
            places.NewPlace(
                code="V-DISTI", kind="vendor", name_zh="测试分销", name_en="Test Distributor", party="DISTI"
            ),
            places.NewPlace(code="V-DELL", kind="vendor", name_zh="戴尔", name_en="Dell", party="DELL"),
        ],
        by=SETUP,
    )
    await places.enter_lanes(
        [
            places.NewLane(
                from_place=origin,
                to_place=target,
                mode="courier",
                hours=24,
                fixed_cost_cny=Decimal(300),
                unit_cost_cny=Decimal(20),
                carries_lithium=lithium,
            )
            for origin, target, lithium in (("GZ", "SH", False), ("SH", "GZ", False), ("GZ", "ZJ", True))
        ],
        by=SETUP,
    )
    await places.enter_coverage(
        [
            places.NewCoverage(store="GZ", site="BANK-GZ", travel_hours=1.2),
            places.NewCoverage(store="SH", site="BANK-GZ", travel_hours=25),
            places.NewCoverage(store="ZJ", site="TELCO-ZJ", travel_hours=0.2),
            places.NewCoverage(store="GZ", site="TELCO-ZJ", travel_hours=6),
        ],
        by=SETUP,
    )


async def _catalogue() -> None:
    def part(number: str, zh: str, en: str, kind: str, cost: int, **more: object) -> catalogue.NewPart:
        return catalogue.NewPart(
            part_number=number,
            name_zh=zh,
            name_en=en,
            kind=kind,
            unit_cost_cny=Decimal(cost),
            holding_rate_per_year=0.22,
            **more,
        )

    await catalogue.enter_parts(
        [
            part(DRIVE, "12TB 硬盘", "12 TB drive", "drive", 980, maker="SEAGATE"),
            part(FAN, "2U 风扇", "2U fan", "fan", 260, serialised=False, maker="SEAGATE"),
            part(PSU, "750W 电源", "750 W power supply", "psu", 1250, serialised=False, maker="DELL"),
            part(BATTERY, "RAID 卡电池", "RAID battery", "raid_battery", 480, serialised=False, lithium=True),
        ],
        by=SETUP,
    )
    await catalogue.enter_aliases([catalogue.NewAlias(part=PSU, number="0YT39Y", kind="fru")], by=SETUP)
    await catalogue.enter_models([catalogue.NewModel(code="R740", name="PowerEdge R740", maker="DELL")], by=SETUP)
    await catalogue.enter_model_parts(
        [
            catalogue.NewModelPart(model="R740", part=DRIVE, per_device=8),
            catalogue.NewModelPart(model="R740", part=PSU, per_device=2, critical=True),
            catalogue.NewModelPart(model="R740", part=FAN, per_device=6),
        ],
        by=SETUP,
    )
    await catalogue.enter_failure_rates(
        [
            catalogue.NewFailureRate(
                part=number,
                valid_from=date(2024, 1, 1),
                annual_rate=rate,
                shape=rate * 1000,
                exposure_device_years=1000,
                failures=0,
                device_years=0,
                source="assumed",
            )
            for number, rate in ((DRIVE, 0.02), (PSU, 0.035), (FAN, 0.01))
        ],
        by=SETUP,
    )


async def _contracts() -> None:
    await installed_base.enter_calendars(
        [
            installed_base.NewCalendar(
                code="CN",
                name_zh="中国工作日",
                name_en="Chinese working days",
                time_zone="Asia/Shanghai",
                working_days=[1, 2, 3, 4, 5],
                opens_at=time(9),
                closes_at=time(18),
                holidays="CN",
            )
        ],
        by=SETUP,
    )
    await installed_base.enter_service_classes(
        [
            installed_base.NewServiceClass(code="2h", time_to_site_hours=2, target_fraction=0.93),
            installed_base.NewServiceClass(code="8h", time_to_site_hours=8, target_fraction=0.90),
        ],
        by=SETUP,
    )
    await installed_base.enter_contracts(
        [
            installed_base.NewContract(
                code="C-BANK",
                customer="BANK",
                name_zh="测试银行维保",
                name_en="Test Bank",
                calendar="CN",
                service_class="2h",
                starts_on=date(2024, 1, 1),
            ),
            installed_base.NewContract(
                code="C-TELCO",
                customer="TELCO",
                name_zh="测试移动维保",
                name_en="Test Telco",
                calendar="CN",
                service_class="2h",
                starts_on=date(2024, 1, 1),
                dedicated_stock=True,
                minimum_provenance="maker_direct",
            ),
        ],
        by=SETUP,
    )
    await installed_base.enter_service_terms(
        [
            installed_base.NewServiceTerm(
                contract="C-BANK", severity="general", hours="working", arrive_hours=3, repair_hours=4
            ),
            installed_base.NewServiceTerm(
                contract="C-BANK", severity="general", hours="non_working", arrive_hours=5, repair_hours=7
            ),
            installed_base.NewServiceTerm(
                contract="C-BANK", severity="severe", hours="working", arrive_hours=2, repair_hours=4
            ),
            installed_base.NewServiceTerm(
                contract="C-BANK", severity="severe", hours="non_working", arrive_hours=2, repair_hours=4
            ),
            installed_base.NewServiceTerm(contract="C-TELCO", severity="general", hours="working", arrive_hours=1),
            installed_base.NewServiceTerm(contract="C-TELCO", severity="general", hours="non_working", arrive_hours=2),
        ],
        by=SETUP,
    )
    await installed_base.enter_devices(
        [
            installed_base.NewDevice(
                serial=f"BANK-{n:03d}",
                model="R740",
                site="BANK-GZ",
                contract="C-BANK",
                installed_on=date(2024, 1, 1),
                registration_number=f"REG-{n:03d}",
            )
            for n in range(160)
        ]
        + [
            installed_base.NewDevice(
                serial=f"TELCO-{n:03d}",
                model="R740",
                site="TELCO-ZJ",
                contract="C-TELCO",
                installed_on=date(2024, 1, 1),
            )
            for n in range(40)
        ],
        by=SETUP,
    )
    await pools.enter_pools([pools.NewPool(code="common"), pools.NewPool(code="C-TELCO", contract="C-TELCO")], by=SETUP)


async def _vendors() -> None:
    await procurement.enter_vendors(
        [
            procurement.NewVendor(
                party="DISTI", place="V-DISTI", kind="distributor", channel="http", endpoint="http://127.0.0.1:1/vendor"
            ),
            procurement.NewVendor(party="DELL", place="V-DELL", kind="maker", channel="by_hand"),
        ],
        by=SETUP,
    )
    await procurement.enter_authorisations(
        [
            procurement.NewAuthorisation(
                vendor="DISTI",
                maker="SEAGATE",
                letter_number="SG-1",
                valid_from=date(2024, 1, 1),
                valid_to=clock.now().date() + timedelta(days=300),
            )
        ],
        by=SETUP,
    )
    await procurement.enter_offers(
        [
            procurement.NewOffer(
                vendor="DISTI",
                part=part,
                unit_price=Decimal(price),
                minimum_quantity=1,
                lot_size=1,
                maximum_quantity=40,
                order_fee=Decimal(0),
                lead_time_days=days,
                valid_from=date(2024, 1, 1),
                expedited_hours=24.0,
                expedited_price=Decimal(price) * Decimal("1.25"),
                expedited_fee=Decimal(300),
            )
            for part, price, days in ((DRIVE, 980, 7.0), (FAN, 250, 7.0), (PSU, 1250, 10.0))
        ]
        + [
            procurement.NewOffer(
                vendor="DELL",
                part=PSU,
                unit_price=Decimal(1300),
                minimum_quantity=2,
                lot_size=2,
                maximum_quantity=20,
                order_fee=Decimal(100),
                lead_time_days=14.0,
                valid_from=date(2024, 1, 1),
            )
        ],
        by=SETUP,
    )


async def offers_too(vendor: str, *parts: str, **terms: object) -> None:
    """Further terms of a vendor's offers for some parts, entered as people do."""
    for part in parts:
        offer = await db.fetch_value(
            """SELECT offer.id FROM offer JOIN vendor ON vendor.id = offer.vendor JOIN party ON party.id = vendor.party
               JOIN part ON part.id = offer.part WHERE party.code = $1 AND part_number = $2""",
            vendor,
            part,
        )
        await records.change(records.kind_of("offers"), str(offer), terms, by=SETUP)


async def _stock() -> None:
    for depot, pool, number, quantity, grade in (
        ("GZ", "common", FAN, 10, "authorised_channel"),
        ("GZ", "common", PSU, 6, "authorised_channel"),
        ("GZ", "common", BATTERY, 3, "authorised_channel"),
        ("SH", "common", FAN, 4, "authorised_channel"),
        ("SH", "common", PSU, 5, "authorised_channel"),
        ("ZJ", "C-TELCO", PSU, 2, "maker_direct"),
    ):
        await receipts.adjust(depot, number, quantity, by=SETUP, reason="opening stock", pool=pool, provenance=grade)
    await receipts.adjust(
        "GZ",
        DRIVE,
        5,
        by=SETUP,
        reason="opening stock",
        serials=[f"ZL2-{n:04d}" for n in range(5)],
        provenance="authorised_channel",
    )
