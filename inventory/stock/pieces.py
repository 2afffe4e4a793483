"""Pieces: which of a part in a store somebody speaks of, found in the ledger and locked."""

from collections.abc import Sequence

from msgspec import Struct

from inventory.catalogue import parts
from inventory.catalogue.parts import PartRef
from inventory.ground import db
from inventory.places import bins, places
from inventory.stock import lots, pools, units
from inventory.stock.moves import Piece, Spot
from inventory.stock.pools import COMMON
from inventory.stock.refusals import QuantityNotPositive, SerialsMissing, UnitNotInBin


class Pieces(Struct, frozen=True):
    """Pieces of a part in a store: by their serials, or so many, of one lot or bin where it is named, the oldest first.

    Units are whose they are; of other parts ours are meant unless another owner is named.
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
        SerialsMissing, QuantityNotPositive: which pieces is not said, or serials and quantity differ.
        UnitNotHere, LotNotHere, UnitNotInBin: they are not there in that condition.

    """
    place, part = await places.find_store(which.depot), await parts.find(which.part_number)
    owner = (
        await _owner_of(part.id, place.id, condition, which.serials)
        if which.owner is None
        else await places.find_party(which.owner)
    )
    spot = Spot(place.id, condition, owner, await pools.find(which.pool))
    shelf = None if which.bin is None else await bins.find(place.id, which.bin)
    if part.serialised:
        if not which.serials:
            raise SerialsMissing(part_number=part.part_number, wanted=max(which.quantity, 1), given=0)
        wanted = len(set(which.serials))
        if which.quantity not in (0, wanted):
            raise SerialsMissing(part_number=part.part_number, wanted=which.quantity, given=wanted)
        chosen = await units.choose(part.id, spot, wanted, which.serials)
        astray = None if shelf is None else next((unit for unit in chosen if unit.bin != shelf), None)
        if astray is not None:
            raise UnitNotInBin(serial=astray.serial, bin=await _bin_code(astray.bin), asked=which.bin)
        return Chosen(part=part, spot=spot, pieces=[Piece(unit=unit.id, bin=unit.bin) for unit in chosen])
    if which.quantity < 1:
        raise QuantityNotPositive(quantity=which.quantity)
    lot = None if which.lot is None else await lots.numbered(part.id, which.lot)
    anywhere = shelf is None and not unplaced
    taken = await lots.take(part.id, spot, which.quantity, bins=None if anywhere else [shelf], lot=lot)
    return Chosen(part=part, spot=spot, pieces=taken)


async def _owner_of(part: int, place: int, condition: str, serials: Sequence[str]) -> int:
    """Whose the first of these units is; without serials, and where none is there, ours are meant."""
    owner = await db.fetch_value(
        """SELECT owner FROM unit WHERE part = $1 AND place = $2 AND condition = $3 AND serial = ANY($4)
           ORDER BY id LIMIT 1""",
        part,
        place,
        condition,
        list(serials),
    )
    return await places.ourselves() if owner is None else owner


async def _bin_code(shelf: int | None) -> str:
    return await db.fetch_value("SELECT code FROM bin WHERE id = $1", shelf) or "–"
