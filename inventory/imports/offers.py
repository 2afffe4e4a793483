"""Importing offers: one per vendor, part and first day; one that is there takes what differs."""

from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, by_sql

OFFERS = Kind(
    name="offers",
    right="parts.manage",
    en="Offers",
    zh="报价",
    columns=(
        Column(name="vendor", en="Vendor code", zh="供应商编码", required=True, example="NANHUI", also=("供应商", "vendor")),
        Column(name="part_number", en="Part number", zh="备件编号", required=True, example="ST12000NM0008",
               also=("料号", "PN", "part")),
        Column(name="unit_price_cny", en="Unit price CNY", zh="含税单价（元）", shape="amount", required=True, least=0,
               example="985.00", also=("单价", "unit price")),
        Column(name="minimum_quantity", en="Minimum quantity", zh="最小订购量", shape="whole", least=1, example="1"),
        Column(name="lot_size", en="Lot size", zh="订购批量", shape="whole", least=1, example="1"),
        Column(name="maximum_quantity", en="Maximum quantity", zh="最大订购量", shape="whole", required=True, least=1,
               example="40"),
        Column(name="order_fee_cny", en="Order fee CNY", zh="每单费用（元）", shape="amount", least=0, example="0"),
        Column(name="lead_time_days", en="Lead time days", zh="交期（天）", shape="number", required=True, least=0, most=3650,
               example="7"),
        Column(name="valid_from", en="Valid from", zh="生效日期", shape="day", required=True, example="2026-01-01"),
        Column(name="valid_to", en="Valid to", zh="失效日期", shape="day", example="2027-12-31"),
        Column(name="expedited_hours", en="Expedited hours", zh="加急交期（小时）", shape="number", least=0, most=10000,
               example="24", hint=("the three expedited columns go together", "加急三列须同时填写")),
        Column(name="expedited_price_cny", en="Expedited price CNY", zh="加急单价（元）", shape="amount", least=0,
               example="1230.00"),
        Column(name="expedited_fee_cny", en="Expedited fee CNY", zh="加急每单费用（元）", shape="amount", least=0,
               example="300"),
    ),
    found="""offer.id AS existing, vendor_row.id AS vendor_id, part.id AS part_id,
             coalesce(typed.minimum_quantity, offer.minimum_quantity, 1) AS least_quantity,
             num_nonnulls(coalesce(typed.expedited_hours, offer.expedited_hours),
                          coalesce(typed.expedited_price_cny, offer.expedited_price_cny),
                          coalesce(typed.expedited_fee_cny, offer.expedited_fee_cny)) AS expedited_terms""",
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
        Check(column="expedited_hours", code="expedited_incomplete", when="r.expedited_terms NOT IN (0, 3)"),
    ),
    keys=(Key(column="part_number", parts=("r.vendor", "r.part_number", "r.valid_from")),),
    changes={
        column: f"offer.{column}"
        for column in (
            "unit_price_cny", "minimum_quantity", "lot_size", "maximum_quantity", "order_fee_cny", "lead_time_days",
            "valid_to", "expedited_hours", "expedited_price_cny", "expedited_fee_cny",
        )
    },
    write=by_sql(
        """UPDATE offer SET unit_price_cny = r.unit_price_cny, minimum_quantity = r.least_quantity,
                  lot_size = coalesce(r.lot_size, offer.lot_size), maximum_quantity = r.maximum_quantity,
                  order_fee_cny = coalesce(r.order_fee_cny, offer.order_fee_cny), lead_time_days = r.lead_time_days,
                  valid_to = coalesce(r.valid_to, offer.valid_to),
                  expedited_hours = coalesce(r.expedited_hours, offer.expedited_hours),
                  expedited_price_cny = coalesce(r.expedited_price_cny, offer.expedited_price_cny),
                  expedited_fee_cny = coalesce(r.expedited_fee_cny, offer.expedited_fee_cny)
           FROM ready_offers AS r WHERE offer.id = r.existing AND r.changed AND r.line BETWEEN $1 AND $2""",
        """INSERT INTO offer (vendor, part, unit_price_cny, minimum_quantity, lot_size, maximum_quantity, order_fee_cny,
                              lead_time_days, expedited_hours, expedited_price_cny, expedited_fee_cny, valid_from, valid_to)
           SELECT vendor_id, part_id, unit_price_cny, least_quantity, coalesce(lot_size, 1), maximum_quantity,
                  coalesce(order_fee_cny, 0), lead_time_days, expedited_hours, expedited_price_cny, expedited_fee_cny,
                  valid_from, valid_to
           FROM ready_offers WHERE existing IS NULL AND line BETWEEN $1 AND $2""",
    ),
)  # fmt: skip
