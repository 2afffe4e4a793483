"""Vendors, their letters and their offers, as people enter them."""

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.imports.offers import OFFERS as IMPORTED_OFFERS
from inventory.imports.rates import RATES as IMPORTED_RATES
from inventory.imports.vendors import VENDORS as IMPORTED_VENDORS
from inventory.master_data.catalogue import MAKER, PART
from inventory.master_data.fields import Field, same
from inventory.master_data.kinds import Kind, Values, by_verb
from inventory.places import register as places
from inventory.procurement import register

VENDOR = "(SELECT vendor.id FROM vendor JOIN party ON party.id = vendor.party WHERE party.code = {})"
OF_THE_COMPANY = ("party", "(SELECT party FROM vendor WHERE id = {})")

_OF_VENDORS = {column.name: column for column in IMPORTED_VENDORS.columns}
_OF_OFFERS = {column.name: column for column in IMPORTED_OFFERS.columns}


def _vendor(name: str, **more: object) -> Field:
    """A column of the import of vendors as a field of a vendor."""
    return same(_OF_VENDORS[name], **{"sql": f"vendor.{name}", "column": name, **more})


def _company(name: str) -> Field:
    """A column of the import of vendors that stands with the company."""
    return _vendor(name, sql=f"party.{name}", elsewhere=OF_THE_COMPANY)


def _offer(name: str, **more: object) -> Field:
    """A column of the import of offers as a field of an offer."""
    return same(_OF_OFFERS[name], **{"sql": f"offer.{name}", "column": name, **more})


def _term(name: str, en: str, zh: str, given: str | None, hint: tuple[str, str]) -> Field:
    """A vendor's term for every order, set once it is entered."""
    return Field(name=name, en=en, zh=zh, shape="amount", required=given is not None, least=0, most=100_000_000,
                 sql=f"vendor.{name}", column=name, later=True, right="costs.read", given=given, hint=hint)  # fmt: skip


async def enter_vendor(values: Values, by: Actor) -> None:
    """Enter a vendor with its company, where that is new, and the place its goods come from."""
    code = values["code"]
    known = await db.fetch_value(
        "UPDATE party SET is_vendor = true WHERE code = $1 AND NOT is_ourselves RETURNING id", code
    )
    names = {name: values[name] for name in ("code", "name_zh", "name_en")}
    if known is None:
        company = places.NewParty(
            **names, is_vendor=True, is_maker=values["kind"] == "maker", phone=values["phone"], email=values["email"]
        )
        await places.enter_parties([company], by=by)
    place = places.NewPlace(
        code=f"V-{code}", name_zh=values["name_zh"], name_en=values["name_en"], kind="vendor", party=code
    )
    await places.enter_places([place], by=by)
    await register.enter_vendors(
        [
            register.NewVendor(
                party=code,
                place=place.code,
                kind=values["kind"],
                channel=values["channel"],
                endpoint=values["endpoint"],
                return_terms=values["return_terms"],
                holidays=values["holidays"],
                takes_drills=values["takes_drills"] or False,
            )
        ],
        by=by,
    )


VENDORS = Kind(
    name="vendors",
    group="vendors",
    en="Vendors",
    zh="供应商",
    what="vendor",
    what_zh="供应商",
    read="vendors.read",
    table="vendor",
    joins="JOIN party ON party.id = vendor.party",
    key="party.code",
    title="party.code",
    natural=("code",),
    fields=(
        _vendor("code", sql="party.code", fixed=True),
        _company("name_zh"),
        _company("name_en"),
        _vendor("kind"),
        _vendor("channel"),
        _vendor("endpoint"),
        _vendor("return_terms"),
        Field(name="holidays", en="Closed on public holidays of", zh="法定节假日停业", shape="choice", sql="vendor.holidays",
              column="holidays", choices={"CN": ("China", "中国")},
              hint=("lead times stand still on those days", "节假日期间交期顺延")),
        _term("minimum_order_cny", "Least order value CNY", "起订金额（元）", "0",
              ("under it the vendor asks a fee, or takes no order", "低于此金额须付小额订单费，或不接单")),
        _term("small_order_fee_cny", "Fee of a smaller order CNY", "小额订单费（元）", None,
              ("left empty, it takes no smaller order", "留空表示不接受小额订单")),
        _term("freight_cny", "Freight per order CNY", "每单运费（元）", "0", ("not where it is expedited", "加急订单除外")),
        _company("phone"),
        _company("email"),
        Field(name="takes_drills", en="Takes part in drills", zh="参与演练", shape="flag", sql="vendor.takes_drills",
              column="takes_drills", hint=("sends nothing real for an order of a drill", "演练订单不发实物")),
        Field(name="active", en="In use", zh="在用", shape="flag", sql="vendor.active", column="active", later=True),
    ),
    enter=enter_vendor,
)  # fmt: skip

CLOSURES = Kind(
    name="vendor-closures",
    group="vendors",
    en="Vendors' closures",
    zh="供应商停业安排",
    what="closure",
    what_zh="停业安排",
    read="vendors.read",
    table="vendor_closure",
    joins="""JOIN vendor ON vendor.id = vendor_closure.vendor
             JOIN party ON party.id = vendor.party""",
    key="vendor_closure.id::text",
    title="party.code || ' / ' || vendor_closure.first_on",
    natural=("vendor", "first_on"),
    fields=(
        Field(name="vendor", en="Vendor", zh="供应商", required=True, sql="party.code", fixed=True, finds=VENDOR,
              refers="vendors"),
        Field(name="first_on", en="Closed from", zh="停业首日", shape="day", required=True, sql="vendor_closure.first_on",
              fixed=True),
        Field(name="last_on", en="Closed until", zh="停业末日", shape="day", required=True, sql="vendor_closure.last_on",
              column="last_on", hint=("the last day that is closed", "含当日")),
        Field(name="remark", en="Remark", zh="备注", shape="note", sql="vendor_closure.remark", column="remark"),
        Field(name="in_force", en="In force", zh="有效", shape="flag", sql="vendor_closure.in_force", column="in_force",
              later=True),
    ),
    enter=by_verb(register.enter_closures, register.NewClosure),
    belongs={"vendor": "vendors"},
)  # fmt: skip

AUTHORISATIONS = Kind(
    name="authorisations",
    group="vendors",
    en="Authorisation letters",
    zh="授权书",
    what="authorisation",
    what_zh="授权书",
    read="vendors.read",
    table="authorisation",
    joins="""JOIN vendor ON vendor.id = authorisation.vendor
             JOIN party ON party.id = vendor.party
             JOIN party AS maker ON maker.id = authorisation.maker""",
    key="authorisation.id::text",
    title="authorisation.letter_number",
    natural=("vendor", "maker", "letter_number"),
    fields=(
        Field(name="vendor", en="Vendor", zh="供应商", required=True, sql="party.code", fixed=True, finds=VENDOR,
              refers="vendors"),
        Field(name="maker", en="Maker", zh="原厂", required=True, sql="maker.code", fixed=True, finds=MAKER,
              refers="companies"),
        Field(name="letter_number", en="Letter number", zh="授权书编号", required=True, sql="authorisation.letter_number",
              fixed=True),
        Field(name="valid_from", en="Valid from", zh="生效日期", shape="day", required=True, sql="authorisation.valid_from",
              column="valid_from"),
        Field(name="valid_to", en="Valid to", zh="失效日期", shape="day", required=True, sql="authorisation.valid_to",
              column="valid_to"),
    ),
    enter=by_verb(register.enter_authorisations, register.NewAuthorisation),
    belongs={"vendor": "vendors"},
)  # fmt: skip

OFFERS = Kind(
    name="offers",
    group="vendors",
    en="Offers",
    zh="报价",
    what="offer",
    what_zh="报价",
    read="costs.read",
    table="offer",
    joins="""JOIN vendor ON vendor.id = offer.vendor
             JOIN party ON party.id = vendor.party
             JOIN part ON part.id = offer.part""",
    key="offer.id::text",
    title="party.code || ' / ' || part.part_number || ' / ' || offer.valid_from",
    natural=("vendor", "part_number", "valid_from"),
    fields=(
        _offer("vendor", sql="party.code", fixed=True, finds=VENDOR, refers="vendors"),
        _offer("part_number", sql="part.part_number", fixed=True, finds=PART, refers="parts"),
        _offer("valid_from", fixed=True),
        _offer("valid_to"),
        _offer("unit_price"),
        _offer("currency", required=True, given="CNY", fixed=True),
        _offer("invoice_kind", required=True, given="special"),
        _offer("tax_percent", required=True, given="13"),
        _offer("includes_tax", given=True),
        _offer("minimum_quantity", required=True, given="1"),
        _offer("lot_size", required=True, given="1"),
        _offer("maximum_quantity"),
        _offer("order_fee", required=True, given="0"),
        _offer("lead_time_days"),
        _offer("expedited_hours"),
        _offer("expedited_price"),
        _offer("expedited_fee"),
        _offer("exchange_hours"),
        _offer("exchange_fee"),
        _offer("framework_number"),
        Field(
            name="repair_price",
            en="Repair price",
            zh="维修单价",
            shape="amount",
            least=0,
            most=100_000_000,
            sql="offer.repair_price",
            column="repair_price",
            hint=("what a defective piece costs to repair", "返修一件坏件的价格"),
        ),
        Field(
            name="repair_days",
            en="Repair days",
            zh="维修天数",
            shape="number",
            least=0,
            most=3650,
            sql="offer.repair_days",
            column="repair_days",
            hint=("goes with the repair price", "与维修单价同时填写"),
        ),
    ),
    enter=by_verb(register.enter_offers, register.NewOffer, {"part_number": "part"}),
    belongs={"vendor": "vendors", "part_number": "parts"},
)

RATES = Kind(
    name="exchange-rates",
    group="vendors",
    en="Exchange rates",
    zh="汇率",
    what="exchange rate",
    what_zh="汇率",
    read="costs.read",
    right="rates.enter",
    table="exchange_rate",
    key="exchange_rate.id::text",
    title="exchange_rate.currency || ' / ' || exchange_rate.valid_from",
    natural=("currency", "valid_from", "cny_per_100"),
    fields=(
        *(same(column, sql=f"exchange_rate.{column.name}", fixed=True) for column in IMPORTED_RATES.columns),
        Field(name="entered_by", en="Entered by", zh="录入人", sql="exchange_rate.entered_by", fixed=True, later=True),
    ),
    enter=by_verb(register.enter_rates, register.NewRate),
)  # fmt: skip

PRICE_BREAKS = Kind(
    name="price-breaks",
    group="vendors",
    en="Price breaks",
    zh="阶梯价",
    what="price break",
    what_zh="阶梯价",
    read="costs.read",
    table="price_break",
    joins="""JOIN offer ON offer.id = price_break.offer
             JOIN vendor ON vendor.id = offer.vendor
             JOIN party ON party.id = vendor.party
             JOIN part ON part.id = offer.part""",
    key="price_break.id::text",
    title="price_break.offer || ' / ' || price_break.from_quantity",
    natural=("offer", "from_quantity"),
    fields=(
        Field(name="offer", en="Offer", zh="报价", required=True, sql="offer.id::text", fixed=True,
              finds="(SELECT id FROM offer WHERE id::text = {})", refers="offers"),
        Field(name="from_quantity", en="From so many pieces", zh="起始数量", shape="whole", required=True, least=2,
              most=1_000_000_000, sql="price_break.from_quantity", column="from_quantity"),
        Field(name="unit_price", en="Unit price", zh="单价", shape="amount", required=True, least=0,
              most=100_000_000, sql="price_break.unit_price", column="unit_price"),
    ),
    enter=by_verb(register.enter_price_breaks, register.NewPriceBreak),
    belongs={"offer": "offers"},
)  # fmt: skip
