"""Stores: what lies in one and what waits there, for whoever decides whether it can go on giving."""

from msgspec import Struct

from inventory.ground import db
from inventory.ground.actor import Actor
from inventory.ground.errors import Unknown
from inventory.places.tables import STORE_KINDS


class AtStore(Struct, frozen=True, kw_only=True):
    """What lies in a store, in pieces, and how many open documents need it."""

    depot: str
    pieces: int
    reserved_pieces: int
    part_requests: int
    reservations: int
    pick_lists: int
    transfers_from: int
    transfers_to: int
    orders: int
    notices: int
    counts: int


async def waiting_at(depot: str, *, seen_by: Actor) -> AtStore:
    """What lies in a store and waits there; one statement.

    Raises:
        Unknown: no such store in the reader's scope.
        NotGranted: the reader's roles do not include the papers of stock.

    """
    seen_by.require("documents.read")
    found = await db.read_one(
        AtStore,
        """SELECT store.code AS depot, coalesce(stock.pieces, 0)::int AS pieces,
                  coalesce(stock.reserved, 0)::int AS reserved_pieces,
                  (SELECT count(DISTINCT request) FROM request_line
                   WHERE source_place = store.id AND state IN ('reserved', 'picked', 'backordered'))::int AS part_requests,
                  (SELECT count(*) FROM reservation JOIN level ON level.id = reservation.level
                   WHERE level.place = store.id AND reservation.state IN ('soft', 'pending'))::int AS reservations,
                  (SELECT count(DISTINCT pick_list.id) FROM pick_list JOIN pick ON pick.pick_list = pick_list.id
                   WHERE pick_list.place = store.id AND pick.state IN ('open', 'picked', 'short'))::int AS pick_lists,
                  (SELECT count(*) FROM transfer
                   WHERE from_place = store.id AND state IN ('proposed', 'draft'))::int AS transfers_from,
                  (SELECT count(*) FROM transfer WHERE to_place = store.id
                   AND state IN ('proposed', 'draft', 'shipped', 'partly_received'))::int AS transfers_to,
                  (SELECT count(*) FROM purchase_order WHERE ship_to = store.id
                   AND state IN ('placed', 'acknowledged', 'shipped', 'partly_received'))::int AS orders,
                  (SELECT count(*) FROM advance_notice WHERE advance_notice.place = store.id AND kind <> 'transfer'
                   AND state IN ('expected', 'partly_received'))::int AS notices,
                  (SELECT count(*) FROM count_sheet
                   WHERE count_sheet.place = store.id AND state = 'counting')::int AS counts
           FROM place AS store
           LEFT JOIN (SELECT place, sum(on_hand) AS pieces, sum(reserved) AS reserved FROM level GROUP BY place) AS stock
                ON stock.place = store.id
           WHERE store.code = $1 AND store.kind = ANY($2) AND ($3::text[] IS NULL OR store.code = ANY($3))""",
        depot,
        list(STORE_KINDS),
        seen_by.depot_scope,
    )
    if found is None:
        raise Unknown(what="depot", what_zh="备件库", key=depot)
    return found
