"""Ordering by hand: a buyer telephones or writes; the order waits for the vendor's word, which a person records."""

from api.settings import Settings
from api.vendors.outcome import Answered, Placed
from inventory.procurement.changes import ChangeView
from inventory.procurement.orders import OrderToPlace


async def place(order: OrderToPlace, _: Settings) -> Placed:
    """Nothing is sent: the order is the buyer's to pass on."""
    return Placed(sent=f"{order.number}: to be passed on by a buyer", answered="")


async def change(order: OrderToPlace, change: ChangeView, _: Settings) -> Answered:
    """Nothing is sent: the change is the buyer's to pass on."""
    return Answered(sent=f"{order.number} v{change.version}: to be passed on by a buyer")
