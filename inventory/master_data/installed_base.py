"""Contracts with their terms, calendars, service classes and devices, as people enter them."""

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.imports.devices import DEVICES as IMPORTED
from inventory.installed_base import register, severities
from inventory.master_data.catalogue import PART
from inventory.master_data.fields import Field, same
from inventory.master_data.kinds import Kind, Values, by_verb
from inventory.master_data.places import CUSTOMER, SITE
from inventory.stock import pools

CALENDAR = "(SELECT id FROM calendar WHERE code = {})"
SERVICE_CLASS = "(SELECT id FROM service_class WHERE code = {})"
CONTRACT = "(SELECT id FROM contract WHERE code = {})"
MODEL = "(SELECT id FROM device_model WHERE code = {})"

HOUSE_SEVERITIES = {"general": ("general", "一般"), "severe": ("severe", "严重")}

PRIORITY_CLASSES = {
    "planned": ("planned", "计划性"),
    "general": ("general fault", "一般故障"),
    "severe": ("severe fault", "严重故障"),
    "emergency": ("emergency", "应急"),
}

PROVENANCES = {
    "maker_direct": ("maker direct", "原厂直供"),
    "authorised_channel": ("authorised channel", "授权渠道"),
    "vendor_exchange": ("vendor exchange", "厂家换件"),
    "recovered": ("recovered", "返修件"),
    "pulled": ("pulled part", "拆机件"),
    "broker": ("broker", "贸易商"),
}

_OF_DEVICES = {column.name: column for column in IMPORTED.columns}


def _device(name: str, **more: object) -> Field:
    """A column of the import of devices as a field of a device."""
    return same(_OF_DEVICES[name], **{"sql": f"device.{name}", "column": name, **more})


async def give_pool(contract: str, by: Actor) -> None:
    """A contract whose stock is dedicated to it gets its pool."""
    wanting = await db.fetch_value(
        """SELECT code FROM contract WHERE code = $1 AND dedicated_stock
             AND NOT EXISTS (SELECT FROM pool WHERE pool.contract = contract.id)""",
        contract,
    )
    if wanting is not None:
        await pools.enter_pools([pools.NewPool(code=contract, contract=contract)], by=by)


CONTRACTS = Kind(
    name="contracts",
    group="customers",
    en="Contracts",
    zh="合同",
    what="contract",
    what_zh="合同",
    read="contracts.read",
    table="contract",
    cover=("contracts", "ARRAY[contract.id]"),
    joins="""JOIN party ON party.id = contract.customer
             JOIN calendar ON calendar.id = contract.calendar
             JOIN service_class ON service_class.id = contract.service_class""",
    key="contract.code",
    title="contract.code",
    natural=("code",),
    contracts="ARRAY[contract.code]",
    fields=(
        Field(name="code", en="Contract number", zh="合同编号", required=True, sql="contract.code", fixed=True),
        Field(name="customer", en="Customer", zh="客户", required=True, sql="party.code", column="customer", finds=CUSTOMER,
              refers="companies"),
        Field(name="name_zh", en="Chinese name", zh="中文名称", required=True, sql="contract.name_zh", column="name_zh"),
        Field(name="name_en", en="English name", zh="英文名称", required=True, sql="contract.name_en", column="name_en"),
        Field(name="calendar", en="Calendar", zh="日历", required=True, sql="calendar.code", column="calendar",
              finds=CALENDAR, refers="calendars"),
        Field(name="service_class", en="Service class", zh="服务级别", required=True, sql="service_class.code",
              column="service_class", finds=SERVICE_CLASS, refers="service-classes"),
        Field(name="starts_on", en="Starts on", zh="起始日", shape="day", required=True, sql="contract.starts_on",
              column="starts_on"),
        Field(name="ends_on", en="Ends on", zh="截止日", shape="day", sql="contract.ends_on", column="ends_on"),
        Field(name="minimum_provenance", en="Least provenance", zh="最低来源要求", shape="choice", required=True,
              sql="contract.minimum_provenance", column="minimum_provenance", choices=PROVENANCES,
              given="authorised_channel"),
        Field(name="dedicated_stock", en="Stock dedicated to it", zh="专属备件", shape="flag",
              sql="contract.dedicated_stock", column="dedicated_stock",
              hint=("it gets a pool of its own", "将建立专属库存归属")),
        Field(name="customer_keeps_disks", en="Customer keeps disks", zh="硬盘不返还", shape="flag",
              sql="contract.customer_keeps_disks", column="customer_keeps_disks"),
        Field(name="parts_charged", en="Parts are paid for", zh="备件收费", shape="choice",
              sql="contract.parts_charged", column="parts_charged",
              hint=("left empty: the contract covers them", "留空则合同包含备件"),
              choices={"out_of_warranty": ("out of the maker's warranty", "保外收费"),
                       "always": ("always: the contract covers labour alone", "一律收费（仅含人工）")}),
        Field(name="served_after_end", en="Served after its end", zh="到期后继续服务", shape="flag",
              sql="contract.served_after_end", column="served_after_end",
              hint=("by a quotation for each request", "逐次报价")),
        Field(name="swap_runs_from", en="Swap limit runs from", zh="整机替换时限起算", shape="choice",
              sql="contract.swap_runs_from", column="swap_runs_from",
              hint=("left empty: not agreed, taken to run from the report", "留空表示未约定，按故障申告起算"),
              choices={"report": ("the report of the fault", "故障申告"),
                       "repair_limit": ("the repair limit", "修复时限到达"),
                       "decision": ("the decision to swap", "决定替换")}),
        Field(name="lends_equal_function", en="Lends equal function", zh="提供同等功能设备", shape="flag",
              sql="contract.lends_equal_function", column="lends_equal_function",
              hint=("equipment of equal function until the repair is done", "故障修复前提供同等功能设备")),
        Field(name="margin_percent", en="Margin on parts in percent", zh="备件加价率（%）", shape="amount", least=0, most=1000,
              sql="contract.margin_percent", column="margin_percent", right="costs.read",
              hint=("left empty: as for all customers", "留空则按统一价规")),
        Field(name="labour_cny", en="Labour per request CNY", zh="每次人工费（元）", shape="amount", least=0, most=10_000_000,
              sql="contract.labour_cny", column="labour_cny", right="costs.read",
              hint=("left empty: as for all customers", "留空则按统一价规")),
        Field(name="part_travels", en="The part travels", zh="备件送达方式", shape="choice", required=True,
              sql="contract.part_travels", column="part_travels", given="with_engineer",
              choices={"with_engineer": ("with the engineer", "随工程师到场"),
                       "ahead": ("ahead of the engineer", "先于工程师送达")}),
        Field(name="fitting_hours", en="Hours to fit a part", zh="换件时长（小时）", shape="number", required=True,
              sql="contract.fitting_hours", column="fitting_hours", least=0, most=100, given="0.5"),
        Field(name="terms", en="Further terms", zh="其他条款", shape="note", sql="contract.terms", column="terms"),
    ),
    enter=by_verb(register.enter_contracts, register.NewContract),
    follow=give_pool,
    belongs={"customer": "companies"},
)  # fmt: skip


async def enter_term(values: Values, by: Actor) -> None:
    """Enter the limits for a severity that the contract knows.

    Raises:
        UnknownSeverity: it knows none of that code.

    """
    contract = str(values["contract"])
    severities.pick(await severities.severities(contract, seen_by=by), str(values["severity"]), contract=contract)
    await by_verb(register.enter_service_terms, register.NewServiceTerm)(values, by)


def _limit(name: str, en: str, zh: str, shape: str) -> Field:
    return Field(name=name, en=en, zh=zh, shape=shape, sql=f"service_term.{name}", column=name, least=0, most=100000)  # pyright: ignore[reportArgumentType]


SERVICE_TERMS = Kind(
    name="service-terms",
    group="customers",
    en="Service terms",
    zh="服务条款",
    what="service term",
    what_zh="服务条款",
    read="contracts.read",
    table="service_term",
    cover=("contracts", "ARRAY[service_term.contract]"),
    joins="JOIN contract ON contract.id = service_term.contract",
    key="service_term.id::text",
    title="contract.code || ' / ' || service_term.severity || ' / ' || service_term.hours",
    natural=("contract", "severity", "hours"),
    contracts="ARRAY[contract.code]",
    fields=(
        Field(name="contract", en="Contract", zh="合同", required=True, sql="contract.code", fixed=True, finds=CONTRACT,
              refers="contracts"),
        Field(name="severity", en="Severity", zh="故障级别", required=True, sql="service_term.severity", fixed=True,
              shown=HOUSE_SEVERITIES, example="general",
              hint=("general, severe, or one of the contract's own", "general（一般）、severe（严重），或合同自定的级别编码")),
        Field(name="hours", en="Hours", zh="时段", shape="choice", required=True, sql="service_term.hours", fixed=True,
              choices={"working": ("working hours", "工作时间"), "non_working": ("outside working hours", "非工作时间")}),
        _limit("answer_minutes", "Answer within minutes", "响应时限（分钟）", "whole"),
        _limit("arrive_hours", "Arrive within hours", "到场时限（小时）", "number"),
        _limit("repair_hours", "Repair within hours", "修复时限（小时）", "number"),
        _limit("swap_complete_hours", "Swap whole unit within hours", "整机更换时限（小时）", "number"),
        _limit("progress_minutes", "Report progress every minutes", "进展通报间隔（分钟）", "whole"),
        _limit("report_hours", "Written report within hours", "书面报告时限（小时）", "whole"),
    ),
    enter=enter_term,
    belongs={"contract": "contracts"},
)  # fmt: skip

SEVERITIES = Kind(
    name="severities",
    group="customers",
    en="Severities of contracts",
    zh="合同故障级别",
    what="severity",
    what_zh="故障级别",
    read="contracts.read",
    table="severity_definition",
    cover=("contracts", "ARRAY[severity_definition.contract]"),
    joins="JOIN contract ON contract.id = severity_definition.contract",
    key="severity_definition.id::text",
    title="contract.code || ' / ' || severity_definition.code",
    natural=("contract", "code"),
    contracts="ARRAY[contract.code]",
    fields=(
        Field(name="contract", en="Contract", zh="合同", required=True, sql="contract.code", fixed=True, finds=CONTRACT,
              refers="contracts",
              hint=("with its first own severity, general and severe hold for it no longer",
                    "录入首个自定级别后，一般与严重两级对该合同不再适用")),
        Field(name="code", en="Code", zh="编码", required=True, sql="severity_definition.code", fixed=True, example="P1"),
        Field(name="name_zh", en="Chinese name", zh="中文名称", required=True, sql="severity_definition.name_zh",
              column="name_zh"),
        Field(name="name_en", en="English name", zh="英文名称", required=True, sql="severity_definition.name_en",
              column="name_en"),
        Field(name="rank", en="Rank", zh="等级", shape="whole", required=True, sql="severity_definition.rank", column="rank",
              least=0, most=1000, hint=("the higher, the worse", "数值越大越严重")),
        Field(name="priority_class", en="Priority class", zh="优先级", required=True,
              sql="severity_definition.priority_class", column="priority_class", shown=PRIORITY_CLASSES,
              finds="(SELECT code FROM priority_class WHERE code = {})", example="severe",
              hint=("who gets the last piece: planned, general, severe, emergency, or one of your own",
                    "最后一件归谁：planned、general、severe、emergency，或自定优先级")),
        Field(name="definition_zh", en="Definition (Chinese)", zh="中文定义", shape="note",
              sql="severity_definition.definition_zh", column="definition_zh"),
        Field(name="definition_en", en="Definition (English)", zh="英文定义", shape="note",
              sql="severity_definition.definition_en", column="definition_en"),
    ),
    enter=by_verb(register.enter_severities, register.NewSeverity),
    belongs={"contract": "contracts"},
)  # fmt: skip

FORBIDDEN_PARTS = Kind(
    name="forbidden-parts",
    group="customers",
    en="Parts that contracts forbid",
    zh="合同禁用备件",
    what="forbidden part",
    what_zh="禁用备件",
    read="contracts.read",
    table="forbidden_part",
    cover=("contracts", "ARRAY[forbidden_part.contract]"),
    joins="JOIN contract ON contract.id = forbidden_part.contract JOIN part ON part.id = forbidden_part.part",
    key="forbidden_part.id::text",
    title="contract.code || ' / ' || part.part_number",
    natural=("contract", "part"),
    contracts="ARRAY[contract.code]",
    fields=(
        Field(name="contract", en="Contract", zh="合同", required=True, sql="contract.code", fixed=True, finds=CONTRACT,
              refers="contracts"),
        Field(name="part", en="Part number", zh="备件编号", required=True, sql="part.part_number", fixed=True, finds=PART,
              refers="parts"),
        Field(name="in_force", en="In force", zh="有效", shape="flag", sql="forbidden_part.in_force", column="in_force",
              later=True),
        Field(name="reason", en="Reason", zh="原因", shape="note", sql="forbidden_part.reason", column="reason"),
    ),
    enter=by_verb(register.forbid_parts, register.NewForbiddenPart),
    belongs={"contract": "contracts", "part": "parts"},
)  # fmt: skip

CALENDARS = Kind(
    name="calendars",
    group="customers",
    en="Calendars",
    zh="日历",
    what="calendar",
    what_zh="日历",
    read="contracts.read",
    table="calendar",
    cover=("contracts", "(SELECT array_agg(contract.id) FROM contract WHERE contract.calendar = calendar.id)"),
    key="calendar.code",
    title="calendar.code",
    natural=("code",),
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="calendar.code", fixed=True),
        Field(name="name_zh", en="Chinese name", zh="中文名称", required=True, sql="calendar.name_zh", column="name_zh"),
        Field(name="name_en", en="English name", zh="英文名称", required=True, sql="calendar.name_en", column="name_en"),
        Field(name="time_zone", en="Time zone", zh="时区", shape="choice", required=True, sql="calendar.time_zone",
              column="time_zone", given="Asia/Shanghai",
              choices={zone: (zone, zone) for zone in (
                  "Asia/Shanghai", "Asia/Urumqi", "Asia/Hong_Kong", "Asia/Singapore", "Asia/Tokyo", "Europe/Berlin",
                  "Europe/London", "America/New_York", "UTC")}),
        Field(name="working_days", en="Working days", zh="工作日", shape="weekdays", required=True,
              sql="calendar.working_days", column="working_days", given=[1, 2, 3, 4, 5]),
        Field(name="opens_at", en="Opens at", zh="开始时间", shape="clock", required=True, sql="calendar.opens_at",
              column="opens_at", given="09:00"),
        Field(name="closes_at", en="Closes at", zh="结束时间", shape="clock", required=True, sql="calendar.closes_at",
              column="closes_at", given="18:00"),
        Field(name="holidays", en="Public holidays of", zh="法定节假日", shape="choice", sql="calendar.holidays",
              column="holidays", choices={"CN": ("China", "中国")}),
    ),
    enter=by_verb(register.enter_calendars, register.NewCalendar),
)  # fmt: skip

SERVICE_CLASSES = Kind(
    name="service-classes",
    group="customers",
    en="Service classes",
    zh="服务级别",
    what="service class",
    what_zh="服务级别",
    read="contracts.read",
    table="service_class",
    cover=("contracts", "(SELECT array_agg(contract.id) FROM contract WHERE contract.service_class = service_class.id)"),
    key="service_class.code",
    title="service_class.code",
    natural=("code",),
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="service_class.code", fixed=True, example="4h"),
        Field(name="time_to_site_hours", en="Part on site within hours", zh="备件到场时限（小时）", shape="number",
              required=True, sql="service_class.time_to_site_hours", column="time_to_site_hours", least=0, most=1000),
        Field(name="target_fraction", en="Target share", zh="目标达成率", shape="number", required=True,
              sql="service_class.target_fraction", column="target_fraction", least=0, most=1, example="0.95",
              hint=("of all calls, between 0 and 1", "占全部请求的比例，0 至 1")),
    ),
    enter=by_verb(register.enter_service_classes, register.NewServiceClass),
)  # fmt: skip

DEVICES = Kind(
    name="devices",
    group="customers",
    en="Devices",
    zh="设备",
    what="device",
    what_zh="设备",
    read="devices.read",
    table="device",
    cover=("sites", "ARRAY[device.site]"),
    joins="""JOIN device_model ON device_model.id = device.model
             JOIN place ON place.id = device.site
             JOIN contract ON contract.id = device.contract""",
    key="device.serial",
    title="device.serial",
    natural=("serial",),
    site="device.site",
    contracts="ARRAY[contract.code]",
    fields=(
        _device("serial", fixed=True),
        _device("model", sql="device_model.code", finds=MODEL, refers="device-models"),
        _device("site", sql="place.code", finds=SITE, refers="sites"),
        _device("contract", sql="contract.code", finds=CONTRACT, refers="contracts"),
        _device("installed_on"),
        _device("registration_number"),
        _device("firmware"),
        _device("environment"),
        _device("warranty_until"),
        Field(name="retired_on", en="Retired on", zh="退役日期", shape="day", sql="device.retired_on", column="retired_on",
              later=True),
    ),
    enter=by_verb(register.enter_devices, register.NewDevice),
    belongs={"site": "sites", "contract": "contracts", "model": "device-models"},
)  # fmt: skip
