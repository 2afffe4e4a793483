"""The pages' router: which pages there are."""

from litestar import Router

from api.pages import (
    emergencies,
    finding,
    in_hand,
    label_sheets,
    orders,
    overview,
    parts,
    plans,
    pool_crossings,
    receipts,
    requests,
    reservations,
    sessions,
    statements,
    stock,
    transfers,
)
from api.pages.rendering import remember_place_names

NOUNS = (
    sessions,
    overview,
    finding,
    stock,
    parts,
    requests,
    emergencies,
    orders,
    transfers,
    plans,
    reservations,
    in_hand,
    pool_crossings,
    statements,
    receipts,
    label_sheets,
)


def page_router() -> Router:
    """Every page, at its address."""
    return Router(
        "/",
        route_handlers=[handler for noun in NOUNS for handler in noun.handlers],
        before_request=remember_place_names,
        include_in_schema=False,
        opt={"page": True},
    )
