"""What somebody whose scope is some contracts is told of stock: what serves those contracts, and no other customer's business.

Common stock serves everybody, a project's pool its own contract. Of a movement that is not the reader's own, the ledger
tells what moved and when, but not for which document or why; a customer's site and a supplier are told by their kind.
Every function makes a condition or an expression in SQL; `contracts` is a parameter's place, NULL for a reader of everything.
"""


def serves(pool: str, contracts: str) -> str:
    """Whether a pool (a joined `pool` row) answers calls of the reader's contracts."""
    return f"({contracts}::text[] IS NULL OR {pool}.contract IS NULL OR {_dedicated(pool, contracts)})"


def site_is_told(place: str, contracts: str) -> str:
    """Whether a place (a joined `place` row) is no site, or one of the reader's contracts."""
    return f"({contracts}::text[] IS NULL OR {place}.kind <> 'site' OR {_own_site(place, contracts)})"


def of_serving_pool(column: str, contracts: str) -> str:
    """Whether a column holds the id of a pool that answers calls of the reader's contracts."""
    return f"{column} IN (SELECT id FROM pool WHERE {serves('pool', contracts)})"


def place_told(place: str, contracts: str) -> str:
    """A place's code; of another customer's site and of a supplier to others, only the kind."""
    hidden = f"{place}.kind IN ('site', 'vendor') AND NOT {_own(contracts)}"
    return f"CASE WHEN {contracts}::text[] IS NOT NULL AND {hidden} THEN {place}.kind ELSE {place}.code END"


def told(column: str, contracts: str, otherwise: str) -> str:
    """A column of a movement if it is the reader's own business, or a count's or a correction's; else `otherwise`."""
    open_to_all = f"{contracts}::text[] IS NULL OR document_kind IN ('count', 'adjustment')"
    return f"CASE WHEN {open_to_all} OR {_own(contracts)} THEN {column} ELSE {otherwise} END"


def _dedicated(pool: str, contracts: str) -> str:
    return f"coalesce({pool}.contract IN (SELECT id FROM contract WHERE code = ANY({contracts})), false)"


def _own_site(place: str, contracts: str) -> str:
    return f"""EXISTS (SELECT FROM device JOIN contract ON contract.id = device.contract
                       WHERE device.site = {place}.id AND contract.code = ANY({contracts}))"""


def _own(contracts: str) -> str:
    """Whether a movement (with `origin`, `target` and `pool` joined) is of the reader's pool or at the reader's sites."""
    return f"""({_dedicated("pool", contracts)}
        OR origin.kind = 'site' AND {_own_site("origin", contracts)}
        OR target.kind = 'site' AND {_own_site("target", contracts)})"""
