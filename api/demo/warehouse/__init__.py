"""The warehouses' own work in the demo company's last weeks, told through the verbs of the house, up to this hour."""

from api.demo.lived import Life
from api.demo.warehouse import (
    closed,
    counting,
    dock,
    holding,
    inspections,
    judging,
    makers,
    mending,
    nights,
    office,
    quoting,
    returning,
    sending,
    shelves,
    transfers,
)


def plan(life: Life) -> None:
    """Add everything to the life that failures, orders and emergencies lead already."""
    rooms = (
        *(shelves, holding, dock, judging, counting, transfers, closed, nights, office, sending, quoting, makers),
        inspections,
        returning,
        mending,
    )
    for room in rooms:
        room.plan(life)
