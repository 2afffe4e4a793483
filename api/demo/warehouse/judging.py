"""Conditions: what was under suspicion, in test or frozen, what is to be scrapped, and what was booked by mistake."""

from datetime import timedelta

from msgspec import Struct

from api.demo.lived import Life, NotToday, Story
from api.demo.warehouse.spare import spare
from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.procurement import release, taking_back
from inventory.stock import conditions, movements, placing, receipts
from inventory.stock.pieces import Pieces


class _Piece(Struct, frozen=True):
    """A unit in a store."""

    part_number: str
    serial: str


def plan(life: Life) -> None:
    """Let pieces be judged, most of them to the end, and leave some for others to decide."""
    life.tell(life.on(13, "10:30"), _suspected(life, "GZ", passes=True))
    life.tell(life.ago(hours=30), _suspected(life, "GZ"))
    life.plan(life.on(6, "11:10"), lambda: _frozen(life))
    life.tell(life.on(17, "14:00"), _tested(life))
    life.tell(life.ago(hours=45), _tested(life))
    life.tell(life.on(24, "15:00"), _scrapped(life, "SH", approve=True))
    life.tell(life.on(11, "15:20"), _scrapped(life, "GZ", approve=False))
    life.tell(life.ago(hours=21), _scrapped(life, "GZ", approve=None))
    life.plan(life.on(8, "16:05"), lambda: _put_into_the_wrong_bin(life))
    life.plan(life.on(5, "09:50"), lambda: _found_and_found_out(life))


async def _unit(depot: str, condition: str, part: str | None = None) -> _Piece:
    """The oldest unit of a store in a condition, that nobody has picked or proposed to scrap.

    Raises:
        NotToday: there is none.

    """
    found = await db.read_one(
        _Piece,
        """SELECT part.part_number, unit.serial FROM unit
           JOIN place ON place.id = unit.place AND place.code = $1
           JOIN pool ON pool.id = unit.pool AND pool.contract IS NULL
           JOIN part ON part.id = unit.part
           WHERE unit.condition = $2 AND ($3::text IS NULL OR part_number = $3)
             AND NOT EXISTS (SELECT FROM pick WHERE pick.unit = unit.id AND pick.state IN ('open', 'picked', 'short'))
             AND NOT EXISTS (SELECT FROM scrapping WHERE scrapping.unit = unit.id)
           ORDER BY received_at, unit.id LIMIT 1""",
        depot,
        condition,
        part,
    )
    if found is None:
        raise NotToday
    return found


async def _suspected(life: Life, depot: str, *, passes: bool = False) -> Story:
    (part,) = await spare(depot, 1, serialised=True)
    piece = await _unit(depot, "good", part)
    await conditions.judge(
        Pieces(depot, part, serials=[piece.serial]),
        "good",
        "quarantine",
        by=life.keeper(depot),
        reason="标签印刷模糊，待检验 / label badly printed, to be inspected",
    )
    if passes:
        yield timedelta(hours=20)
        await release.release(
            Pieces(depot, part, serials=[piece.serial]),
            "quarantine",
            by=life.crew["quality-supervisor-1"],
            finding="与送货单、原厂标签核对一致 / agrees with the delivery note and the maker's label",
        )


async def _frozen(life: Life) -> None:
    (part,) = await spare("SH", 1, serialised=True)
    piece = await _unit("SH", "good", part)
    await conditions.judge(
        Pieces("SH", part, serials=[piece.serial]),
        "good",
        "frozen",
        by=life.crew["quality-supervisor-1"],
        reason="原厂通报同批次可能有缺陷 / the maker warns of this batch",
    )


async def _tested(life: Life) -> Story:
    """A defective unit is tested once more before it is given up."""
    piece = await _unit("SH", "defective")
    await conditions.judge(
        Pieces("SH", piece.part_number, serials=[piece.serial]),
        "defective",
        "in_test",
        by=life.keeper("SH"),
        reason="现场更换后疑似误判，上架复测 / perhaps no fault at all: on the bench",
    )
    yield timedelta(days=2)
    await conditions.judge(
        Pieces("SH", piece.part_number, serials=[piece.serial]),
        "in_test",
        "defective",
        by=life.crew["quality-supervisor-1"],
        reason="复测报错，确认故障 / fails on the bench too",
    )


async def _scrapped(life: Life, depot: str, *, approve: bool | None) -> Story:
    piece = await _unit(depot, "defective")
    (asked,) = await conditions.propose_scrap(
        Pieces(depot, piece.part_number, serials=[piece.serial]),
        by=life.keeper(depot, 2),
        reason="无维修价值 / not worth repairing",
    )
    if approve is not None:
        yield timedelta(hours=22)
        remark = "同意，按保密要求销毁 / agreed, to be destroyed" if approve else "先返厂检测 / to the maker first"
        await conditions.decide_scrap(
            asked.number, by=life.crew["quality-supervisor-1"], approve=approve, remark=remark
        )


async def _undo(by: Actor, depot: str, part: str, kind: str, reason: str) -> None:
    """Reverse the last movement of a kind at a store a few minutes later, before anybody else takes the piece."""
    with clock.at(clock.now() + timedelta(minutes=6)):
        (last,) = await movements.movements(limit=1, seen_by=by, depot=depot, part_number=part, kind=kind)
        await taking_back.reverse_movement(last.id, by=by, reason=reason)


async def _put_into_the_wrong_bin(life: Life) -> None:
    (part,) = await spare("SY", 1, serialised=True)
    piece = await _unit("SY", "good", part)
    keeper = life.keeper("SY", 2)
    await placing.put_away(Pieces("SY", part, serials=[piece.serial]), "C-04-2", by=keeper)
    await _undo(keeper, "SY", part, "put_away", "扫错库位 / the wrong bin was scanned")


async def _found_and_found_out(life: Life) -> None:
    (part,) = await spare("SH", 1, serialised=False)
    supervisor = life.crew["quality-supervisor-1"]
    await receipts.adjust("SH", part, 1, by=supervisor, reason="货架下发现一件 / found below a shelf")
    await _undo(supervisor, "SH", part, "adjustment", "实为客户备件，登记有误 / it is a customer's own part")
