"""Importing opening stock: quantities, and pieces with serials, into levels that are still empty."""

from collections.abc import Awaitable, Callable
from typing import Any

from msgspec.structs import replace

from inventory.imports.columns import Column
from inventory.imports.kinds import Check, Key, Kind, Piece, Write
from inventory.stock import opening

PART = Column(
    name="part_number",
    en="Part number",
    zh="备件编号",
    required=True,
    example="FAN-2U-H3C",
    also=("料号", "PN", "part"),
)
STORE = Column(
    name="depot", en="Depot", zh="备件库", required=True, example="GZ", also=("store", "仓库", "备件库编码"),
    hint=("the store's code", "备件库编码"),
)  # fmt: skip
POOL = Column(
    name="pool", en="Pool", zh="库存归属", example="common",
    hint=("common, or the contract whose own stock it is", "common，或专用备件所属合同"),
)  # fmt: skip
CONDITIONS = Column(
    name="condition", en="Condition", zh="状态", shape="choice", example="good",
    choices={
        "good": ("good part", "好件"),
        "defective": ("defective part", "坏件"),
        "quarantine": ("in quarantine", "隔离"),
        "frozen": ("is frozen", "冻结"),
        "in_test": ("in test", "检验中"),
        "unknown": ("unknown condition", "待判定"),
    },
)  # fmt: skip

PROVENANCES = {
    "maker_direct": ("maker direct", "原厂直供"),
    "authorised_channel": ("authorised channel", "授权渠道"),
    "vendor_exchange": ("vendor exchange", "供应商换件"),
    "recovered": ("recovered", "回收件"),
    "pulled": ("pulled part", "拆机件"),
    "broker": ("broker", "贸易商"),
    "unproven": ("unproven", "来源待证"),
}

PROVENANCE = Column(
    name="provenance", en="Provenance", zh="来源凭证", shape="choice", example="authorised_channel", choices=PROVENANCES,
    also=("来源",),
    hint=("unproven where nothing is given: contracts that ask for proof are not given it",
          "默认为来源待证：要求来源证明的合同不会使用"),
)  # fmt: skip

BIN = Column(name="bin", en="Bin location", zh="库位", also=("bin",))
BIN_CHECK = Check(
    column="bin", code="unknown_bin", when="r.bin IS NOT NULL AND r.bin_id IS NULL AND r.place_id IS NOT NULL"
)

STORE_CHECKS = (
    Check(column="part_number", code="unknown_part", when="r.part_number IS NOT NULL AND r.part_id IS NULL"),
    Check(column="depot", code="unknown_depot", when="r.depot IS NOT NULL AND r.place_id IS NULL"),
    Check(column="depot", code="not_your_depot", when="r.place_id IS NOT NULL AND r.depot <> ALL (scope.depots)"),
    Check(column="pool", code="unknown_pool", when="r.pool IS NOT NULL AND r.pool_id IS NULL"),
)
"""What can be wrong with where stock is to be."""

Entering = Callable[..., Awaitable[Any]]


def enter(ready: str, verb: Entering) -> Write:
    """Write a piece by a verb of the stock room."""

    async def write(piece: Piece) -> None:
        await verb(ready, piece.first, piece.last, document=piece.number, reason=piece.file_name, by=piece.by)

    return write


STOCK = Kind(
    name="stock",
    right="stock.adjust",
    en="Opening stock",
    zh="期初库存",
    columns=(
        PART,
        replace(STORE, example="ZJ"),
        POOL,
        CONDITIONS,
        Column(name="quantity", en="Quantity", zh="数量", shape="whole", required=True, least=1, most=1_000_000, example="12"),
        Column(name="serial", en="Serial number", zh="序列号", also=("serial", "SN"),
               hint=("only for a part kept by serial, with quantity 1", "仅用于按序列号管理的备件，数量为 1")),
        Column(name="lot", en="Lot", zh="批次", also=("lot", "batch", "批号"),
               hint=("of a part without serials; the import's number where nothing is given",
                     "仅用于不按序列号管理的备件；默认为导入单号")),
        PROVENANCE,
        BIN,
    ),
    found="""part.id AS part_id, part.serialised, part.maker AS maker_id, place.id AS place_id, pool_row.id AS pool_id,
             owner_row.id AS owner_id, coalesce(typed.condition, 'good') AS state, typed.quantity AS pieces,
             level.on_hand AS there, known.id IS NOT NULL AS serial_there, bin_row.id AS bin_id, NULL::text AS tag,
             NULL::text AS firmware, uuidv7() AS unit_id,
             lot_row.provenance AS lot_grade,
             min(coalesce(typed.provenance, 'unproven')) OVER lines_of_lot AS one_grade,
             max(coalesce(typed.provenance, 'unproven')) OVER lines_of_lot AS other_grade""",
    joins="""LEFT JOIN part ON part.part_number = typed.part_number
             LEFT JOIN place ON place.code = typed.depot AND place.kind IN ('depot', 'onsite_store', 'engineer_stock')
             LEFT JOIN bin AS bin_row ON bin_row.place = place.id AND bin_row.code = typed.bin
             LEFT JOIN pool AS pool_row ON pool_row.code = coalesce(typed.pool, 'common')
             LEFT JOIN party AS owner_row ON owner_row.is_ourselves
             LEFT JOIN level ON level.part = part.id AND level.place = place.id AND level.pool = pool_row.id
                   AND level.owner = owner_row.id AND level.condition = coalesce(typed.condition, 'good')
             LEFT JOIN unit AS known ON known.serial = typed.serial AND known.maker IS NOT DISTINCT FROM part.maker
                   AND part.id IS NOT NULL
             LEFT JOIN lot AS lot_row ON lot_row.part = part.id AND lot_row.number = typed.lot
             WINDOW lines_of_lot AS (PARTITION BY part.id, typed.lot)""",
    checks=(
        *STORE_CHECKS,
        Check(column="quantity", code="already_stocked", when="r.there > 0 AND NOT r.serialised",
              facts="jsonb_build_object('there', r.there)"),
        Check(column="serial", code="serial_missing", when="r.serialised AND r.serial IS NULL"),
        Check(column="serial", code="not_by_serial", when="r.serial IS NOT NULL AND NOT r.serialised"),
        Check(column="serial", code="serial_there", when="r.serial_there"),
        Check(column="lot", code="lot_of_serials", when="r.lot IS NOT NULL AND r.serialised"),
        Check(column="provenance", code="lot_of_two_grades",
              when="r.serial IS NULL AND (r.one_grade <> r.other_grade OR r.lot_grade <> coalesce(r.provenance, 'unproven'))"),
        BIN_CHECK,
        Check(column="quantity", code="one_per_serial", when="r.serial IS NOT NULL AND r.serialised AND r.quantity > 1"),
    ),
    keys=(
        Key(column="part_number", parts=("r.part_number", "r.depot", "r.pool_id", "r.state", "coalesce(r.lot, '')",
            "coalesce(r.bin, '')"), where="r.serial IS NULL"),
        Key(column="serial", parts=("r.maker_id", "r.serial"), where="r.serial IS NOT NULL AND r.part_id IS NOT NULL"),
    ),
    write=enter("ready_stock", opening.enter_stock),
    close=enter("ready_stock", opening.raise_levels),
    once_only=True,
)  # fmt: skip
