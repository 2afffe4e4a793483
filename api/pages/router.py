"""The pages' router: which pages there are."""

from litestar import Router

from api.pages import (
    bins,
    conditions,
    emergencies,
    finding,
    orders,
    overview,
    parts,
    plans,
    receiving,
    requests,
    sessions,
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
    receiving,
    bins,
    conditions,
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
