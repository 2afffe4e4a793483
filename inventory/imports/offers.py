"""Importing offers: one per vendor, part and first day; one that is there takes what differs."""

from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, by_sql

CURRENCIES = {
    "CNY": ("RMB", "人民币"), "USD": ("US dollar", "美元"), "EUR": ("euro", "欧元"), "JPY": ("yen", "日元"),
    "HKD": ("Hong Kong dollar", "港币"), "GBP": ("pound", "英镑"), "SGD": ("Singapore dollar", "新加坡元"),
    "KRW": ("won", "韩元"), "TWD": ("Taiwan dollar", "新台币"), "CHF": ("Swiss franc", "瑞士法郎"),
}  # fmt: skip
"""The currencies that vendors quote in."""

INVOICE_KINDS = {
    "special": ("special, deductible", "增值税专用发票"),
    "general": ("general, not deductible", "增值税普通发票"),
    "none": ("none, as from abroad", "无发票"),
}
"""What comes with the goods, and whether its tax is deducted."""

OFFERS = Kind(
    name="offers",
    right="parts.manage",
    en="Offers",
    zh="报价",
    columns=(
        Column(name="vendor", en="Vendor code", zh="供应商编码", required=True, example="NANHUI", also=("供应商", "vendor")),
        Column(name="part_number", en="Part number", zh="备件编号", required=True, example="ST12000NM0008",
               also=("料号", "PN", "part")),
        Column(name="unit_price", en="Unit price", zh="单价", shape="amount", required=True, least=0, example="985.00",
               also=("含税单价", "unit_price_cny", "unit price cny"),
               hint=("all prices and fees in the offer's currency", "所有价格与费用均按报价币种填写")),
        Column(name="currency", en="Currency", zh="币种", shape="choice", choices=CURRENCIES, example="CNY",
               hint=("left empty: CNY", "留空为 CNY")),
        Column(name="invoice_kind", en="Kind of invoice", zh="发票种类", shape="choice", choices=INVOICE_KINDS,
               example="special", also=("发票类型",),
               hint=("left empty: special, whose tax we deduct", "留空为增值税专用发票（可抵扣）")),
        Column(name="tax_percent", en="Tax rate %", zh="税率（%）", shape="amount", least=0, most=100, example="13",
               also=("tax rate",), hint=("left empty: 13, or 0 without an invoice", "留空为 13；无发票为 0")),
        Column(name="includes_tax", en="Price includes tax", zh="含税", shape="flag", example="yes", also=("是否含税",),
               hint=("left empty: yes", "留空为是")),
        Column(name="minimum_quantity", en="Minimum quantity", zh="最小订购量", shape="whole", least=1, example="1"),
        Column(name="lot_size", en="Lot size", zh="订购批量", shape="whole", least=1, example="1"),
        Column(name="maximum_quantity", en="Maximum quantity", zh="最大订购量", shape="whole", required=True, least=1,
               example="40"),
        Column(name="order_fee", en="Order fee", zh="每单费用", shape="amount", least=0, example="0",
               also=("order_fee_cny", "order fee cny")),
        Column(name="lead_time_days", en="Lead time days", zh="交期（天）", shape="number", required=True, least=0, most=3650,
               example="7"),
        Column(name="valid_from", en="Valid from", zh="生效日期", shape="day", required=True, example="2026-01-01"),
        Column(name="valid_to", en="Valid to", zh="失效日期", shape="day", example="2027-12-31"),
        Column(name="expedited_hours", en="Expedited hours", zh="加急交期（小时）", shape="number", least=0, most=10000,
               example="24", hint=("the three expedited columns go together", "加急三列须同时填写")),
        Column(name="expedited_price", en="Expedited price", zh="加急单价", shape="amount", least=0,
               example="1230.00", also=("expedited_price_cny", "expedited price cny")),
        Column(name="expedited_fee", en="Expedited fee", zh="加急每单费用", shape="amount", least=0,
               example="300", also=("expedited_fee_cny", "expedited fee cny")),
        Column(name="exchange_hours", en="Exchange hours", zh="先行换件时间（小时）", shape="number", least=0, most=10000,
               example="24", hint=("until the good piece is with us; left empty, none is sent in advance",
                                   "好件到我方所需时间；留空表示不提供先行换件")),
        Column(name="exchange_fee", en="Exchange fee", zh="换件费", shape="amount", least=0, example="320.00",
               hint=("left empty, it exchanges under warranty alone", "留空表示仅在保内换件")),
        Column(name="framework_number", en="Framework contract", zh="框架协议编号", example="FA-2026-017",
               also=("框架协议", "框架协议号", "framework agreement", "framework"),
               hint=("under which these prices are agreed", "该价格所依据的框架协议")),
    ),
    found="""offer.id AS existing, vendor_row.id AS vendor_id, part.id AS part_id,
             coalesce(typed.minimum_quantity, offer.minimum_quantity, 1) AS least_quantity,
             coalesce(typed.currency, offer.currency, 'CNY') AS in_currency,
             coalesce(typed.invoice_kind, offer.invoice_kind, 'special') AS comes_with,
             coalesce(typed.includes_tax, offer.includes_tax, true) AS with_its_tax,
             CASE WHEN coalesce(typed.invoice_kind, offer.invoice_kind) = 'none' THEN coalesce(typed.tax_percent, 0)
                  ELSE coalesce(typed.tax_percent,
                                CASE WHEN offer.invoice_kind <> 'none' THEN offer.tax_percent END, 13) END AS taxed_at,
             num_nonnulls(coalesce(typed.expedited_hours, offer.expedited_hours),
                          coalesce(typed.expedited_price, offer.expedited_price),
                          coalesce(typed.expedited_fee, offer.expedited_fee)) AS expedited_terms,
             coalesce(typed.exchange_hours, offer.exchange_hours) AS exchanged_in""",
    joins="""LEFT JOIN party ON party.code = typed.vendor
             LEFT JOIN vendor AS vendor_row ON vendor_row.party = party.id
             LEFT JOIN part ON part.part_number = typed.part_number
             LEFT JOIN offer ON offer.vendor = vendor_row.id AND offer.part = part.id
                   AND offer.valid_from = typed.valid_from""",
    checks=(
        Check(column="vendor", code="unknown_vendor", when="r.vendor IS NOT NULL AND r.vendor_id IS NULL"),
        Check(column="part_number", code="unknown_part", when="r.part_number IS NOT NULL AND r.part_id IS NULL"),
        Check(column="maximum_quantity", code="below_minimum", when="r.maximum_quantity < r.least_quantity",
              facts="jsonb_build_object('minimum', r.least_quantity)"),
        Check(column="valid_to", code="ends_before", when="r.valid_to < r.valid_from",
              facts="jsonb_build_object('start', r.valid_from)"),
        Check(column="tax_percent", code="taxed_without_invoice", when="r.comes_with = 'none' AND r.taxed_at <> 0"),
        Check(column="expedited_hours", code="expedited_incomplete", when="r.expedited_terms NOT IN (0, 3)"),
        Check(column="exchange_fee", code="exchange_without_hours",
              when="r.exchange_fee IS NOT NULL AND r.exchanged_in IS NULL"),
    ),
    keys=(Key(column="part_number", parts=("r.vendor", "r.part_number", "r.valid_from")),),
    changes={
        column: f"offer.{column}"
        for column in (
            "unit_price", "currency", "invoice_kind", "tax_percent", "includes_tax",
            "minimum_quantity", "lot_size", "maximum_quantity", "order_fee", "lead_time_days",
            "valid_to", "expedited_hours", "expedited_price", "expedited_fee", "exchange_hours", "exchange_fee",
            "framework_number",
        )
    },
    write=by_sql(
        """UPDATE offer SET unit_price = r.unit_price, currency = r.in_currency, invoice_kind = r.comes_with,
                  tax_percent = r.taxed_at, includes_tax = r.with_its_tax, minimum_quantity = r.least_quantity,
                  lot_size = coalesce(r.lot_size, offer.lot_size), maximum_quantity = r.maximum_quantity,
                  order_fee = coalesce(r.order_fee, offer.order_fee), lead_time_days = r.lead_time_days,
                  valid_to = coalesce(r.valid_to, offer.valid_to),
                  expedited_hours = coalesce(r.expedited_hours, offer.expedited_hours),
                  expedited_price = coalesce(r.expedited_price, offer.expedited_price),
                  expedited_fee = coalesce(r.expedited_fee, offer.expedited_fee),
                  exchange_hours = r.exchanged_in, exchange_fee = coalesce(r.exchange_fee, offer.exchange_fee),
                  framework_number = coalesce(r.framework_number, offer.framework_number)
           FROM ready_offers AS r WHERE offer.id = r.existing AND r.changed AND r.line BETWEEN $1 AND $2""",
        """INSERT INTO offer (vendor, part, currency, invoice_kind, tax_percent, includes_tax, unit_price,
                              minimum_quantity, lot_size, maximum_quantity, order_fee,
                              lead_time_days, expedited_hours, expedited_price, expedited_fee, exchange_hours, exchange_fee,
                              framework_number, valid_from, valid_to)
           SELECT vendor_id, part_id, in_currency, comes_with, taxed_at, with_its_tax, unit_price,
                  least_quantity, coalesce(lot_size, 1), maximum_quantity,
                  coalesce(order_fee, 0), lead_time_days, expedited_hours, expedited_price, expedited_fee,
                  exchange_hours, exchange_fee, framework_number, valid_from, valid_to
           FROM ready_offers WHERE existing IS NULL AND line BETWEEN $1 AND $2""",
    ),
)  # fmt: skip
