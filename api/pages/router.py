"""The pages' router: which pages there are."""

from litestar import Router

from api.pages import (
    attachments,
    bins,
    conditions,
    counts,
    coverage,
    duty_sheets,
    emergencies,
    finding,
    imports,
    in_hand,
    label_sheets,
    ledger,
    messages,
    orders,
    overview,
    parts,
    picks,
    plans,
    pool_crossings,
    provisional,
    receiving,
    requests,
    reservations,
    roster,
    scanning,
    seals,
    sessions,
    shipments,
    statements,
    steps,
    stock,
    transfers,
)
from api.pages.rendering import look_around

NOUNS = (
    sessions,
    overview,
    finding,
    stock,
    parts,
    requests,
    emergencies,
    coverage,
    orders,
    picks,
    provisional,
    scanning,
    shipments,
    transfers,
    receiving,
    bins,
    conditions,
    label_sheets,
    counts,
    ledger,
    seals,
    plans,
    imports,
    attachments,
    reservations,
    in_hand,
    pool_crossings,
    statements,
    steps,
    roster,
    duty_sheets,
    messages,
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
        before_request=look_around,
        include_in_schema=False,
        opt={"page": True},
    )
