"""The pages' router: which pages there are."""

from litestar import Router

from api.pages import (
    adjustments,
    attachments,
    bins,
    checking,
    conditions,
    counts,
    emergencies,
    finding,
    imports,
    in_hand,
    inspections,
    keepings,
    label_sheets,
    ledger,
    master_data,
    notices,
    orders,
    overview,
    parts,
    people,
    picks,
    plans,
    policies,
    pool_crossings,
    provisional,
    receiving,
    requests,
    reservations,
    scanning,
    seals,
    sessions,
    shipments,
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
    picks,
    provisional,
    scanning,
    shipments,
    transfers,
    notices,
    receiving,
    bins,
    conditions,
    label_sheets,
    counts,
    ledger,
    seals,
    adjustments,
    plans,
    imports,
    master_data,
    people,
    checking,
    keepings,
    inspections,
    attachments,
    reservations,
    in_hand,
    pool_crossings,
    statements,
    policies,
)

TAKING_FILES = (imports, attachments)


def page_router(most_bytes: int) -> Router:
    """Every page, at its address; only forms that take files may be as large as a file."""
    uploads = [handler for noun in TAKING_FILES for handler in noun.uploads]
    return Router(
        "/",
        route_handlers=[
            *(handler for noun in NOUNS for handler in noun.handlers),
            Router("/", route_handlers=uploads, request_max_body_size=most_bytes),
        ],
        before_request=remember_place_names,
        include_in_schema=False,
        opt={"page": True},
    )
