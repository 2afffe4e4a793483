"""Moves: what a line of the ledger says, before it is written."""

from collections.abc import Iterable
from datetime import datetime
from uuid import UUID

from msgspec import Struct

GOOD = "good"


class Spot(Struct, frozen=True, order=True):
    """Where stock is and whose it is; ids of place, owner (party) and pool."""

    place: int
    condition: str
    owner: int
    pool: int


class Piece(Struct, frozen=True, kw_only=True):
    """A unit, or pieces of a lot, in a bin or in none; neither unit nor lot where nobody has said which ones."""

    unit: UUID | None = None
    lot: UUID | None = None
    bin: int | None = None
    quantity: int = 1
    serial: str | None = None


class Move(Struct, frozen=True, kw_only=True):
    """One line to be written to the ledger.

    It moves one unit, or pieces of one lot; pieces of parts without serials that name no lot are taken from the oldest
    lots at the origin. `released` is how much of a reservation at the origin this move fulfils. Bins are ids; a piece
    that was not put away has none.
    """

    kind: str
    part: int
    quantity: int
    origin: Spot
    target: Spot
    unit: UUID | None = None
    lot: UUID | None = None
    from_bin: int | None = None
    to_bin: int | None = None
    released: int = 0
    reservation: UUID | None = None
    document_kind: str | None = None
    document: str | None = None
    reason: str = ""
    occurred_at: datetime | None = None
    reverses: UUID | None = None
    receipt: UUID | None = None


def moves_of(
    pieces: Iterable[Piece],
    kind: str,
    part: int,
    origin: Spot,
    target: Spot,
    *,
    staying: bool = False,
    document_kind: str | None = None,
    document: str | None = None,
    reason: str = "",
    occurred_at: datetime | None = None,
    receipt: UUID | None = None,
) -> list[Move]:
    """One move for each of some pieces, out of the bins they lie in, or (`staying`) within them."""
    return [
        Move(
            kind=kind,
            part=part,
            quantity=piece.quantity,
            unit=piece.unit,
            lot=piece.lot,
            from_bin=piece.bin,
            to_bin=piece.bin if staying else None,
            origin=origin,
            target=target,
            document_kind=document_kind,
            document=document,
            reason=reason,
            occurred_at=occurred_at,
            receipt=receipt,
        )
        for piece in pieces
    ]
