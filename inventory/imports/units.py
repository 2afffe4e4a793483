"""Importing units: pieces with their serials, each entering its store by a movement from the adjustment account."""

from msgspec.structs import replace

from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind
from inventory.imports.stock import BIN, BIN_CHECK, CONDITIONS, PART, POOL, PROVENANCE, STORE, STORE_CHECKS, enter
from inventory.stock import opening

UNITS = Kind(
    name="units",
    right="stock.adjust",
    en="Units",
    zh="单件",
    columns=(
        replace(PART, example="ST12000NM0008"),
        Column(name="serial", en="Serial number", zh="序列号", required=True, example="ZL2-EXAMPLE-01", also=("serial", "SN")),
        STORE,
        POOL,
        CONDITIONS,
        BIN,
        Column(name="tag", en="Our tag", zh="备件条码", example="BJ-EXAMPLE-01", also=("tag", "条码")),
        Column(name="owner", en="Owner", zh="所有者", also=("货主",),
               hint=("a customer's or vendor's code; ourselves where nothing is given", "客户或供应商编码；默认为我方")),
        replace(PROVENANCE, required=True, hint=("", "")),
        Column(name="firmware", en="Firmware", zh="微代码版本", example="SN05"),
    ),
    found="""part.id AS part_id, part.serialised, part.maker AS maker_id, place.id AS place_id, pool_row.id AS pool_id,
             owner_row.id AS owner_id, bin_row.id AS bin_id, 1 AS pieces, known.id IS NOT NULL AS serial_there,
             tagged.id IS NOT NULL AS tag_there, coalesce(typed.condition, 'good') AS state, uuidv7() AS unit_id,
             NULL::text AS lot""",
    joins="""LEFT JOIN part ON part.part_number = typed.part_number
             LEFT JOIN place ON place.code = typed.depot AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
             LEFT JOIN bin AS bin_row ON bin_row.place = place.id AND bin_row.code = typed.bin
             LEFT JOIN pool AS pool_row ON pool_row.code = coalesce(typed.pool, 'common')
             LEFT JOIN party AS owner_row
                    ON owner_row.code = coalesce(typed.owner, (SELECT code FROM party WHERE is_ourselves))
             LEFT JOIN unit AS known ON known.serial = typed.serial AND known.maker IS NOT DISTINCT FROM part.maker
                   AND part.id IS NOT NULL
             LEFT JOIN unit AS tagged ON tagged.tag = typed.tag""",
    checks=(
        *STORE_CHECKS,
        Check(column="serial", code="not_by_serial", when="r.serial IS NOT NULL AND NOT r.serialised"),
        Check(column="serial", code="serial_there", when="r.serial_there"),
        Check(column="tag", code="tag_there", when="r.tag_there"),
        Check(column="owner", code="unknown_owner", when="r.owner IS NOT NULL AND r.owner_id IS NULL"),
        BIN_CHECK,
    ),
    keys=(
        Key(column="serial", parts=("r.maker_id", "r.serial"), where="r.serial IS NOT NULL AND r.part_id IS NOT NULL"),
        Key(column="tag", parts=("r.tag",)),
    ),
    write=enter("ready_units", opening.enter_units),
    close=enter("ready_units", opening.raise_levels),
    once_only=True,
)  # fmt: skip
