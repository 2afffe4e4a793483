"""Stores, sites, lanes and coverage, as people enter them."""

from inventory.imports.devices import ENVIRONMENTS
from inventory.master_data.fields import Field
from inventory.master_data.kinds import Kind, by_verb
from inventory.places import register

CITY = (
    Field(name="name_zh", en="Chinese name", zh="中文名称", required=True, sql="place.name_zh", column="name_zh"),
    Field(name="name_en", en="English name", zh="英文名称", required=True, sql="place.name_en", column="name_en"),
    Field(name="city_zh", en="City (Chinese)", zh="城市（中文）", sql="place.city_zh", column="city_zh"),
    Field(name="city_en", en="City (English)", zh="城市（英文）", sql="place.city_en", column="city_en"),
)

CUSTOMER = "(SELECT id FROM party WHERE is_customer AND code = {})"
STORE = "(SELECT id FROM place WHERE kind IN ('depot', 'onsite_store', 'engineer_stock') AND code = {})"
SITE = "(SELECT id FROM place WHERE kind = 'site' AND code = {})"

OF_SITE = """(SELECT coalesce(array_agg(contract.code), '{}') FROM device JOIN contract ON contract.id = device.contract
              WHERE device.site = place.id)"""
OF_CUSTOMER = """CASE WHEN party.is_customer THEN (SELECT coalesce(array_agg(contract.code), '{}') FROM contract
                                                  WHERE contract.customer = party.id) END"""

DEPOTS = Kind(
    name="depots",
    group="places",
    en="Depots and stores",
    zh="备件库",
    what="place",
    what_zh="地点",
    read="places.read",
    table="place",
    cover=("places", "ARRAY[place.id]"),
    joins="LEFT JOIN party ON party.id = place.party",
    where="place.kind IN ('depot', 'onsite_store', 'engineer_stock')",
    key="place.code",
    title="place.code",
    natural=("code",),
    depots="ARRAY[place.code]",
    contracts=OF_CUSTOMER,
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="place.code", fixed=True, example="WH",
              hint=("on papers and labels; it stays", "用于单据和标签，录入后不变")),
        Field(name="kind", en="Kind", zh="类别", shape="choice", required=True, sql="place.kind", fixed=True,
              choices={"depot": ("depot", "备件库"), "onsite_store": ("on-site store", "驻场库")},
              shown={"engineer_stock": ("engineer's stock", "个人备件库")}),
        *CITY,
        Field(name="party", en="Customer", zh="所属客户", sql="party.code", column="party", finds=CUSTOMER, refers="companies",
              hint=("whose site an on-site store stands at", "驻场库所在的客户")),
    ),
    enter=by_verb(register.enter_places, register.NewPlace),
)  # fmt: skip

SITES = Kind(
    name="sites",
    group="customers",
    en="Sites",
    zh="站点",
    what="place",
    what_zh="地点",
    read="devices.read",
    table="place",
    joins="JOIN party ON party.id = place.party",
    where="place.kind = 'site'",
    key="place.code",
    title="place.code",
    natural=("code",),
    site="place.id",
    contracts=OF_SITE,
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="place.code", fixed=True, example="BANK-WH-1"),
        Field(name="party", en="Customer", zh="客户", required=True, sql="party.code", column="party", finds=CUSTOMER,
              refers="companies"),
        *CITY,
        Field(name="environment", en="Environment", zh="运行环境", shape="choice", sql="place.environment",
              column="environment", choices=ENVIRONMENTS, hint=("how often devices fail depends on it", "影响设备故障率")),
    ),
    enter=by_verb(register.enter_places, register.NewPlace, kind="site"),
    belongs={"party": "companies"},
)  # fmt: skip

LANES = Kind(
    name="lanes",
    group="places",
    en="Lanes",
    zh="线路",
    what="lane",
    what_zh="线路",
    read="places.read",
    table="lane",
    cover=("places", "ARRAY[lane.from_place]"),
    joins="""JOIN place AS origin ON origin.id = lane.from_place
             JOIN place AS target ON target.id = lane.to_place""",
    key="lane.id::text",
    title="origin.code || ' → ' || target.code || ' ' || lane.mode",
    natural=("from_place", "to_place", "mode"),
    depots="ARRAY[origin.code, target.code]",
    fields=(
        Field(name="from_place", en="From", zh="起点", required=True, sql="origin.code", fixed=True, finds=STORE,
              refers="depots"),
        Field(name="to_place", en="To", zh="终点", required=True, sql="target.code", fixed=True, finds=STORE, refers="depots"),
        Field(name="mode", en="Way", zh="运输方式", shape="choice", required=True, sql="lane.mode", fixed=True,
              choices={
                  "courier": ("courier", "快递"),
                  "same_city_courier": ("same-city courier", "同城快送"),
                  "own_car": ("own car", "自有车辆"),
                  "hand_carried": ("carried by hand", "随身携带"),
              }),
        Field(name="hours", en="Hours", zh="时长（小时）", shape="number", required=True, sql="lane.hours", column="hours",
              least=0, most=1000, given="24"),
        Field(name="fixed_cost_cny", en="Cost of a trip CNY", zh="每次费用（元）", shape="amount", required=True,
              sql="lane.fixed_cost_cny", column="fixed_cost_cny", least=0, given="0"),
        Field(name="unit_cost_cny", en="Cost of a piece CNY", zh="每件费用（元）", shape="amount", required=True,
              sql="lane.unit_cost_cny", column="unit_cost_cny", least=0, given="0"),
        Field(name="carries_lithium", en="Carries lithium batteries", zh="可运锂电池", shape="flag",
              sql="lane.carries_lithium", column="carries_lithium", given=True),
    ),
    enter=by_verb(register.enter_lanes, register.NewLane),
    belongs={"from_place": "depots", "to_place": "depots"},
)  # fmt: skip

COVERAGE = Kind(
    name="coverage",
    group="places",
    en="Coverage",
    zh="覆盖范围",
    what="coverage",
    what_zh="覆盖范围",
    read="places.read",
    table="coverage",
    cover=("sites", "ARRAY[coverage.site]"),
    joins="""JOIN place AS store ON store.id = coverage.store
             JOIN place ON place.id = coverage.site""",
    key="coverage.id::text",
    title="store.code || ' → ' || place.code",
    natural=("store", "site"),
    depots="ARRAY[store.code]",
    contracts=OF_SITE,
    fields=(
        Field(name="store", en="Store", zh="备件库", required=True, sql="store.code", fixed=True, finds=STORE, refers="depots"),
        Field(name="site", en="Site", zh="站点", required=True, sql="place.code", fixed=True, finds=SITE, refers="sites"),
        Field(name="travel_hours", en="Travel hours", zh="路程（小时）", shape="number", required=True,
              sql="coverage.travel_hours", column="travel_hours", least=0, most=1000),
    ),
    enter=by_verb(register.enter_coverage, register.NewCoverage),
    belongs={"store": "depots", "site": "sites"},
)  # fmt: skip

COMPANIES = Kind(
    name="companies",
    group="customers",
    en="Customers and other companies",
    zh="客户与其他单位",
    what="party",
    what_zh="单位",
    read="contracts.read",
    table="party",
    where="NOT party.is_ourselves",
    key="party.code",
    title="party.code",
    natural=("code",),
    contracts=OF_CUSTOMER,
    fields=(
        Field(name="code", en="Code", zh="编码", required=True, sql="party.code", fixed=True, example="BANK-A"),
        Field(name="name_zh", en="Chinese name", zh="中文名称", required=True, sql="party.name_zh", column="name_zh"),
        Field(name="name_en", en="English name", zh="英文名称", required=True, sql="party.name_en", column="name_en"),
        Field(name="is_customer", en="Customer", zh="客户", shape="flag", sql="party.is_customer", column="is_customer",
              given=True),
        Field(name="is_maker", en="Maker", zh="原厂", shape="flag", sql="party.is_maker", column="is_maker"),
        Field(name="is_vendor", en="Vendor", zh="供应商", shape="flag", sql="party.is_vendor", column="is_vendor"),
        Field(name="phone", en="Phone", zh="电话", sql="party.phone", column="phone"),
        Field(name="email", en="E-mail", zh="邮箱", sql="party.email", column="email"),
    ),
    enter=by_verb(register.enter_parties, register.NewParty),
)  # fmt: skip
