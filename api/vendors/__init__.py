"""Ways of ordering from vendors: one small adapter each.

An adapter (`outcome.Adapter`) is three async functions, of which the last may be missing:

    place(order, settings)          -> Placed      the vendor gets the order
    change(order, change, settings) -> Answered    the vendor is told what is to change of it
    ask(order, settings)            -> Answered    the vendor is asked what became of it

Each raises `VendorRefused` when the vendor says no and `VendorUnreachable` when it could not be asked, or its answer makes no
sense; `placing.py` then tries again with the same idempotency key, with patience, and knows when to leave a vendor alone.
`ADAPTERS` maps a vendor's channel to its adapter: a further channel is a module and a line here, as
docs/how-to/add-a-vendor-adapter.md shows.
"""

from api.vendors import by_hand, cxml, http, mail
from api.vendors.outcome import Adapter

ADAPTERS: dict[str, Adapter] = {
    "http": Adapter(http.place, http.change, http.ask),
    "cxml": Adapter(cxml.place, cxml.change),
    "mail": Adapter(mail.place, mail.change),
    "by_hand": Adapter(by_hand.place, by_hand.change),
}
