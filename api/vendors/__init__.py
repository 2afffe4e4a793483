"""Ways of ordering from vendors: one small adapter each.

An adapter is an async function `place(order, settings) -> Placed`, which raises `VendorRefused` when the vendor says no
and `VendorUnreachable` when it could not be asked; the worker tries an unreachable vendor again with the same
idempotency key. `ADAPTERS` maps a vendor's channel to its adapter: a further channel is a module and a line there.
"""

from collections.abc import Awaitable, Callable

from api.settings import Settings
from api.vendors import by_hand, http
from api.vendors.outcome import Placed
from inventory.procurement.orders import OrderToPlace

ADAPTERS: dict[str, Callable[[OrderToPlace, Settings], Awaitable[Placed]]] = {
    "http": http.place,
    "by_hand": by_hand.place,
}
