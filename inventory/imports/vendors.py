"""Importing vendors: the company, its place and how we order from it; one that is there takes what differs."""

from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, by_sql

VENDORS = Kind(
    name="vendors",
    right="parts.manage",
    en="Vendors",
    zh="供应商",
    columns=(
        Column(name="code", en="Vendor code", zh="供应商编码", required=True, example="HUAXIN-SP", also=("vendor", "供应商")),
        Column(name="name_zh", en="Chinese name", zh="中文名称", required=True, example="华芯备件", also=("name zh", "名称")),
        Column(name="name_en", en="English name", zh="英文名称", required=True, example="Huaxin Spares", also=("name en",)),
        Column(name="kind", en="Kind", zh="类别", shape="choice", required=True, example="distributor",
               choices={
                   "maker": ("maker", "原厂"),
                   "distributor": ("distributor", "分销商"),
                   "repairer": ("repairer", "维修商"),
                   "broker": ("broker", "贸易商"),
               }),
        Column(name="channel", en="Way of ordering", zh="下单方式", shape="choice", required=True, example="by_hand",
               choices={"http": ("http", "接口"), "cxml": ("cxml", "cXML"), "mail": ("mail", "邮件"),
                        "by_hand": ("by hand", "人工")}),
        Column(name="endpoint", en="Address for orders", zh="接口地址", also=("endpoint",),
               hint=("needed unless orders go by hand: https or mail", "非人工下单时必填：https 地址或邮箱")),
        Column(name="return_terms", en="Return terms", zh="退换条款", shape="note", example="30 days, unopened"),
        Column(name="phone", en="Phone", zh="电话", example="020-81234567"),
        Column(name="email", en="E-mail", zh="邮箱", example="orders@huaxin.example", also=("email",)),
    ),
    found="""vendor.id AS existing, party.id AS party_id, coalesce(party.is_ourselves, false) AS is_ourselves,
             vendor.endpoint AS old_endpoint, own_place.id AS place_id,
             taken.id IS NOT NULL AND own_place.id IS NULL AS place_taken""",
    joins="""LEFT JOIN party ON party.code = typed.code
             LEFT JOIN vendor ON vendor.party = party.id
             LEFT JOIN LATERAL (SELECT id FROM place WHERE kind = 'vendor' AND place.party = party.id
                                ORDER BY id LIMIT 1) AS own_place ON true
             LEFT JOIN place AS taken ON taken.code = 'V-' || typed.code""",
    checks=(
        Check(column="code", code="is_ourselves", when="r.is_ourselves"),
        Check(column="code", code="place_taken", when="r.place_taken"),
        Check(column="endpoint", code="missing",
              when="r.channel <> 'by_hand' AND coalesce(r.endpoint, r.old_endpoint) IS NULL"),
        Check(column="endpoint", code="not_address",
              when=r"r.endpoint !~ CASE r.channel WHEN 'mail' THEN '^[^\s@]+@[^\s@]+$' ELSE '^https?://[^\s/]+' END"),
    ),
    keys=(Key(column="code", parts=("r.code",)),),
    changes={
        "name_zh": "party.name_zh",
        "name_en": "party.name_en",
        "kind": "vendor.kind",
        "channel": "vendor.channel",
        "endpoint": "vendor.endpoint",
        "return_terms": "vendor.return_terms",
        "phone": "party.phone",
        "email": "party.email",
    },
    write=by_sql(
        """UPDATE party SET name_zh = r.name_zh, name_en = r.name_en, is_vendor = true,
                  phone = coalesce(r.phone, party.phone), email = coalesce(r.email, party.email)
           FROM ready_vendors AS r
           WHERE party.id = r.party_id AND (r.changed OR r.existing IS NULL) AND r.line BETWEEN $1 AND $2""",
        """INSERT INTO party (code, name_zh, name_en, is_ourselves, is_customer, is_vendor, is_maker, phone, email)
           SELECT code, name_zh, name_en, false, false, true, kind = 'maker', phone, email
           FROM ready_vendors WHERE party_id IS NULL AND line BETWEEN $1 AND $2""",
        """INSERT INTO place (code, kind, name_zh, name_en, party)
           SELECT 'V-' || r.code, 'vendor', r.name_zh, r.name_en, party.id
           FROM ready_vendors AS r JOIN party ON party.code = r.code
           WHERE r.place_id IS NULL AND r.line BETWEEN $1 AND $2""",
        """UPDATE vendor SET kind = r.kind, channel = r.channel, endpoint = coalesce(r.endpoint, vendor.endpoint),
                  return_terms = coalesce(r.return_terms, vendor.return_terms)
           FROM ready_vendors AS r WHERE vendor.id = r.existing AND r.changed AND r.line BETWEEN $1 AND $2""",
        """INSERT INTO vendor (party, place, kind, channel, endpoint, secret_version, return_terms, active)
           SELECT party.id, (SELECT min(place.id) FROM place WHERE place.party = party.id AND place.kind = 'vendor'),
                  r.kind, r.channel, r.endpoint, 1, coalesce(r.return_terms, ''), true
           FROM ready_vendors AS r JOIN party ON party.code = r.code
           WHERE r.existing IS NULL AND r.line BETWEEN $1 AND $2""",
    ),
)  # fmt: skip
