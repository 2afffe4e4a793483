"""Pieces: which of a part in a store somebody speaks of, found in the ledger and locked."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.places import bins, places
from inventory.stock import lots, pools, units
from inventory.stock.moves import Piece, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive, SerialsMissing


class Pieces(Struct, frozen=True):
    """Pieces of a part in a store: by their serials, or so many, of one lot or bin where it is named, the oldest first.

    They are ours unless another owner is named.
    """

    depot: str
    part_number: str
    quantity: int = 0
    serials: Sequence[str] = ()
    lot: str | None = None
    bin: str | None = None
    pool: str = COMMON
    owner: str | None = None


class Chosen(Struct, frozen=True, kw_only=True):
    """Those pieces as the ledger has them."""

    part: PartRef
    spot: Spot
    pieces: list[Piece]


async def choose(which: Pieces, condition: str, *, unplaced: bool = False) -> Chosen:
    """The pieces somebody speaks of, locked; `unplaced`: where no bin is named, those that lie in none.

    Raises:
        Unknown: no such store, part, pool, owner or bin.
        SerialsMissing, QuantityNotPositive: which pieces is not said.
        UnitNotHere, LotNotHere: they are not there in that condition.

    """
    place, part = await places.find_store(which.depot), await parts.find(which.part_number)
    owner = await places.ourselves() if which.owner is None else await places.find_party(which.owner)
    spot = Spot(place.id, condition, owner, await pools.find(which.pool))
    shelf = None if which.bin is None else await bins.find(place.id, which.bin)
    if part.serialised:
        if not which.serials:
            raise SerialsMissing(part_number=part.part_number, wanted=max(which.quantity, 1), given=0)
        chosen = await units.choose(part.id, spot, len(set(which.serials)), which.serials)
        return Chosen(part=part, spot=spot, pieces=[Piece(unit=unit.id, bin=unit.bin) for unit in chosen])
    if which.quantity < 1:
        raise QuantityNotPositive(quantity=which.quantity)
    lot = None if which.lot is None else await lots.numbered(part.id, which.lot)
    anywhere = shelf is None and not unplaced
    taken = await lots.take(part.id, spot, which.quantity, bins=None if anywhere else [shelf], lot=lot)
    return Chosen(part=part, spot=spot, pieces=taken)
