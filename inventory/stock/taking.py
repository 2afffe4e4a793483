"""Taking: to which places stock is handed out directly, and how it gets to the others."""

from collections.abc import Collection

from inventory.ground import db
from inventory.places import places
from inventory.places.places import PlaceRef
from inventory.stock.refusals import NotHandedOutTo

INSTEAD = {
    "depot": ("send it there by a transfer", "请办理调拨"),
    "onsite_store": ("send it there by a transfer", "请办理调拨"),
    "engineer_stock": ("hand it over to the engineer", "请办理移交"),
    "transit": ("a transfer or a handover puts it on the road", "在途由调拨单或移交单产生"),
    "scrap": ("propose to scrap it", "请提出报废申请"),
    "adjustment": ("adjust the stock, with a reason", "请做库存调整并填写原因"),
    "unpapered": ("record it as issued first and papered after", "请登记先发后补"),
    "vendor": ("only what a vendor owns goes back to it", "只有供应商所有的备件才能退回供应商"),
}
"""What to do instead, by the kind of place; in English and Chinese."""

NOT_GOOD = ("what is not good goes back to its owner only", "非好件只能退回其所有者")


async def taker(code: str, *, owners: Collection[int] = (), returned: bool = False) -> PlaceRef:
    """A place to hand out to: a customer's site, or where what has no known site is counted (ISSUED).

    What belongs to somebody else (`owners` of all that leaves) may go back to that vendor's or customer's place; what is
    not good (`returned`) goes nowhere else.

    Raises:
        Unknown: no such place.
        NotHandedOutTo: stock gets there another way.

    """
    place = await places.find(code)
    if place.kind == "vendor" or returned:
        owner = await db.fetch_value("SELECT party FROM place WHERE id = $1", place.id)
        if set(owners) == {owner}:
            return place
    if returned and place.kind == "site":
        raise NotHandedOutTo(place=code, instead=NOT_GOOD[0], instead_zh=NOT_GOOD[1])
    if place.kind != "site":
        instead, instead_zh = INSTEAD[place.kind]
        raise NotHandedOutTo(place=code, instead=instead, instead_zh=instead_zh)
    return place
