"""Differences: what came, held against what was expected. Pure."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal
from uuid import UUID

from msgspec import Struct

Difference = Literal["partial", "short", "over", "wrong_serial", "duplicate_serial", "damaged", "wrong_part"]

DIFFERENCE_ZH: dict[Difference, str] = {
    "partial": "部分到货",
    "short": "短少",
    "over": "多到",
    "wrong_serial": "序列号不符",
    "duplicate_serial": "序列号重复",
    "damaged": "破损",
    "wrong_part": "错件",
}

UNWANTED: frozenset[Difference] = frozenset({"over", "wrong_serial", "duplicate_serial", "wrong_part"})
"""What came and was not asked for: it is real, so it is taken in, but only into quarantine."""


class Announced(Struct, frozen=True, kw_only=True):
    """One part that is to arrive: how many are still expected, and which serials were named for them.

    `owner` is whose they are where they travel as somebody's; what is new is whose the receipt says.
    """

    part: int
    part_number: str
    name_zh: str
    name_en: str
    serialised: bool
    pool: int
    source: UUID
    quantity: int
    outstanding: int
    owner: int | None = None
    serials: list[str] = []
    to_quarantine: bool = False


class Came(Struct, frozen=True, kw_only=True):
    """Pieces of one part as they were scanned or counted; `missing` says what becomes of the rest that did not come."""

    part: int
    part_number: str
    serialised: bool
    quantity: int
    serials: tuple[str, ...] = ()
    condition: str = "good"
    damaged: bool = False
    lot: str | None = None
    reason: str = ""


class Finding(Struct, frozen=True, kw_only=True):
    """What a receipt would book: pieces that came alike, or pieces that did not come.

    Without an owner or a pool of its own it has those of the receipt.
    """

    part: int
    part_number: str
    serialised: bool
    quantity: int
    missing: int
    expected: int | None
    condition: str
    difference: Difference | None
    serials: list[str]
    reason: str
    pool: int | None
    source: UUID | None
    lot: str | None
    to_inspect: bool
    owner: int | None = None


class _Piece(Struct, frozen=True):
    came: Came
    line: Announced | None
    serial: str | None
    quantity: int
    difference: Difference | None


def match(
    announced: Sequence[Announced],
    came: Sequence[Came],
    *,
    in_ledger: Mapping[int, frozenset[str]],
    short: Sequence[str] = (),
    reason: str = "",
    why_missing: Mapping[str, str] = MappingProxyType({}),
    by_serial: bool = False,
) -> list[Finding]:
    """Everything that came, line by line, and what is still missing.

    With `by_serial` each piece is awaited by its own serial (a transfer), so that another one takes no place of it;
    else a piece with another serial than was named is one of those ordered all the same.
    `in_ledger` holds, per part, the serials that some unit carries already; `short` names the parts of which the rest
    will not come, `why_missing` says of a part why not all came; `reason` explains whatever has no reason of its own.
    """
    left = {line.source: line.outstanding for line in announced}
    pieces: list[_Piece] = []
    seen: set[tuple[int, str]] = set()
    for each in came:
        serials = [serial for serial in dict.fromkeys(each.serials) if (each.part, serial) not in seen]
        seen |= {(each.part, serial) for serial in serials}
        known = in_ledger.get(each.part, frozenset())
        if each.serialised:
            for serial in serials:
                piece = _serial(announced, each, serial, left, twice=serial in known)
                if piece.line is not None and takes_a_place(piece.difference, by_serial=by_serial):
                    left[piece.line.source] -= 1
                pieces.append(piece)
        else:
            pieces += _counted(announced, each, left)
    return [*_gathered(pieces, reason), *_missing(announced, left, short, reason, why_missing)]


def _line_for(announced: Sequence[Announced], part: int, left: Mapping[UUID, int]) -> Announced | None:
    """The line a piece belongs to: one of its part that still expects some, else any of its part."""
    lines = [line for line in announced if line.part == part]
    return next((line for line in lines if left[line.source] > 0), lines[0] if lines else None)


def _serial(
    announced: Sequence[Announced], each: Came, serial: str, left: Mapping[UUID, int], *, twice: bool
) -> _Piece:
    """Where one serialised piece belongs, and how it differs."""
    named = next((line for line in announced if line.part == each.part and serial in line.serials), None)
    line = named or _line_for(announced, each.part, left)
    if line is None:
        return _Piece(each, None, serial, 1, "duplicate_serial" if twice else "wrong_part")
    all_named = len(line.serials) >= line.outstanding
    if twice:
        difference: Difference | None = "duplicate_serial"
    elif left[line.source] < 1:
        difference = "over"
    elif all_named and serial not in line.serials:
        difference = "wrong_serial"
    else:
        difference = "damaged" if each.damaged else None
    return _Piece(each, line, serial, 1, difference)


def _counted(announced: Sequence[Announced], each: Came, left: dict[UUID, int]) -> list[_Piece]:
    """Where counted pieces belong: to the lines of their part in turn, and what goes beyond them is over."""
    lines = [line for line in announced if line.part == each.part]
    if not lines:
        return [_Piece(each, None, None, each.quantity, "wrong_part")]
    rest, found = each.quantity, list[_Piece]()
    for line in lines:
        key = line.source
        taken = min(rest, left[key])
        if taken:
            found.append(_Piece(each, line, None, taken, "damaged" if each.damaged else None))
            left[key] -= taken
            rest -= taken
    if rest:
        found.append(_Piece(each, lines[0], None, rest, "over"))
    return found


def takes_a_place(difference: Difference | None, *, by_serial: bool) -> bool:
    """Whether a piece takes the place of one that was expected.

    >>> takes_a_place("damaged", by_serial=True), takes_a_place("over", by_serial=False)
    (True, False)
    >>> takes_a_place("wrong_serial", by_serial=True), takes_a_place("wrong_serial", by_serial=False)
    (False, True)
    """
    return difference is None or difference == "damaged" or (difference == "wrong_serial" and not by_serial)


def condition_of(came: str, difference: Difference | None, *, damaged: bool, to_quarantine: bool) -> str:
    """The condition in which a piece is taken in: only what was expected and looks right may be good stock.

    >>> condition_of("good", None, damaged=False, to_quarantine=False)
    'good'
    >>> condition_of("good", "duplicate_serial", damaged=False, to_quarantine=False)
    'quarantine'
    >>> condition_of("good", "damaged", damaged=True, to_quarantine=False)
    'defective'
    """
    if damaged:
        return came if came == "quarantine" else "defective"
    if came == "good" and (difference in UNWANTED or to_quarantine):
        return "quarantine"
    return came


def _gathered(pieces: Sequence[_Piece], reason: str) -> list[Finding]:
    """Pieces that came alike, as one finding."""
    groups: dict[tuple[object, ...], list[_Piece]] = {}
    for piece in pieces:
        source = None if piece.line is None else piece.line.source
        came = piece.came
        key = (came.part, source, piece.difference, came.condition, came.damaged, came.lot, came.reason)
        groups.setdefault(key, []).append(piece)
    return [_finding(group, reason) for group in groups.values()]


def _finding(group: Sequence[_Piece], reason: str) -> Finding:
    first = group[0]
    came, line = first.came, first.line
    awaits_inspection = line is not None and line.to_quarantine
    condition = condition_of(came.condition, first.difference, damaged=came.damaged, to_quarantine=awaits_inspection)
    return Finding(
        part=came.part,
        part_number=came.part_number,
        serialised=came.serialised,
        quantity=sum(piece.quantity for piece in group),
        missing=0,
        expected=line.outstanding if line else None,
        condition=condition,
        difference=first.difference,
        serials=[piece.serial for piece in group if piece.serial is not None],
        reason=came.reason or (reason if first.difference else ""),
        pool=line.pool if line else None,
        source=line.source if line else None,
        lot=came.lot,
        to_inspect=condition == "quarantine",
        owner=line.owner if line else None,
    )


def _missing(
    announced: Sequence[Announced],
    left: Mapping[UUID, int],
    short: Sequence[str],
    reason: str,
    why: Mapping[str, str],
) -> list[Finding]:
    """What was expected and did not come: the rest still comes (partial), or will not (short)."""
    return [
        Finding(
            part=line.part,
            part_number=line.part_number,
            serialised=line.serialised,
            quantity=0,
            missing=left[line.source],
            expected=line.outstanding,
            condition="good",
            difference="short" if line.part_number in short else "partial",
            serials=[],
            reason=why.get(line.part_number, "").strip() or reason,
            pool=line.pool,
            source=line.source,
            lot=None,
            to_inspect=False,
            owner=line.owner,
        )
        for line in announced
        if left[line.source] > 0
    ]
