"""Choosing labels: which ones are asked for, and what stands on them."""

from collections.abc import Sequence
from typing import Literal

from msgspec import Struct

from api.papers import labels
from api.papers.labels import SIZES, Label, Sheet, Size
from inventory.catalogue import parts
from inventory.catalogue.parts import PartName, UnknownPart
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown
from inventory.places import bins, names
from inventory.stock import codes, units

Kind = Literal["unit", "part", "bin"]

LABELS_AT_MOST = 400
"""How many labels are printed at once: ten sheets of forty."""


class NoLabels(Invalid):
    """There is nothing to print a label of."""

    zh = "没有可打印的标签。"
    help_en = "Name serials or tags, part numbers, or a store with its bins."
    help_zh = "请填写序列号或备件条码、备件编号，或选择备件库及库位。"


class TooManyLabels(Invalid):
    """{wanted} labels are too many at once; {most} can be printed."""

    zh = "一次打印 {wanted} 张标签过多，最多 {most} 张。"
    help_en = "Print them in several parts."
    help_zh = "请分批打印。"


class CodeTooLong(Invalid):
    """The code of {title} would have {length} characters; {most} can be scanned."""

    zh = "{title} 的编码长达 {length} 个字符，可扫描的最多为 {most} 个。"
    help_en = "Give the unit a tag; its label then carries the tag alone."
    help_zh = "请先赋予备件条码；标签将只含该条码。"


class PlaceOffSheet(Invalid):
    """The sheet has {places} labels; it cannot start at {start}."""

    zh = "每页只有 {places} 张标签，不能从第 {start} 张开始。"
    help_en = "Give a place between 1 and {places}."
    help_zh = "请填写 1 至 {places} 之间的位置。"


class Choice(Struct, frozen=True, kw_only=True):
    """What labels are for: `codes` are serials or tags, part numbers, or bins of the store."""

    kind: Kind
    codes: list[str]
    depot: str | None = None


async def sheet(choice: Choice, *, size: Size, start: int, copies: int, by: Actor) -> Sheet:
    """The labels asked for, on the stock they are printed on.

    Raises:
        Unknown: a unit, part, store or bin is not in the reader's scope.
        NoLabels, TooManyLabels, PlaceOffSheet: there is nothing, or too much, or no such place on the sheet.
        CodeTooLong: no bar code could carry it.

    """
    if len(choice.codes) * copies > LABELS_AT_MOST:
        raise TooManyLabels(wanted=len(choice.codes) * copies, most=LABELS_AT_MOST)
    places = SIZES[size].on_a_sheet
    if places > 1 and start > places:
        raise PlaceOffSheet(places=places, start=start)
    chosen = await _labels(choice, by)
    if not chosen:
        raise NoLabels
    if len(chosen) * copies > LABELS_AT_MOST:
        raise TooManyLabels(wanted=len(chosen) * copies, most=LABELS_AT_MOST)
    for label in chosen:
        if len(label.code) > codes.LONGEST:
            raise CodeTooLong(title=label.title, length=len(label.code), most=codes.LONGEST)
    repeated = [label for label in chosen for _ in range(copies)]
    return Sheet(size=size, labels=repeated, printed_at=clock.now(), start=start)


async def _labels(choice: Choice, by: Actor) -> list[Label]:
    if choice.kind == "bin":
        return await _of_bins(choice, by)
    if choice.kind == "part":
        by.require("parts.read")
        return [labels.of_part(part) for part in await _named(choice.codes)]
    found = await units.named(choice.codes, seen_by=by)
    of = {part.part_number: part for part in await _named([unit.part_number for unit in found])}
    return [labels.of_unit(unit, of[unit.part_number]) for unit in found]


async def _named(numbers: Sequence[str]) -> list[PartName]:
    """Parts by number or alias, in the order asked for."""
    called = await parts.names(numbers)
    missing = next((number for number in numbers if number not in called), None)
    if missing is not None:
        raise UnknownPart(key=missing, near="–")
    return [called[number] for number in numbers]


async def _of_bins(choice: Choice, by: Actor) -> list[Label]:
    if not choice.depot:
        raise NoLabels
    found = await bins.bins(limit=LABELS_AT_MOST + 1, seen_by=by, depot=choice.depot, codes=choice.codes or None)
    missing = set(choice.codes) - {one.code for one in found}
    if missing:
        raise Unknown(what="bin", what_zh="库位", key=f"{choice.depot} / {min(missing)}")
    store = (await names.names_of([choice.depot])).get(choice.depot)
    return [labels.of_bin(one, store) for one in found]
