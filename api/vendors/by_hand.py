"""Ordering by hand: a buyer telephones or mails; the order waits for the vendor's word."""

from api.settings import Settings
from api.vendors.outcome import Placed
from inventory.procurement.orders import OrderToPlace


async def place(order: OrderToPlace, _: Settings) -> Placed:
    """Nothing is sent: the order is the buyer's to pass on."""
    return Placed(sent=f"{order.number}: to be passed on by a buyer", answered="")
