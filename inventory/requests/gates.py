"""Gates: what a request waits for before it is promised anything, its customer's answer or somebody's approval.

Behind a gate stock is held softly: no purpose of lower rank has it, and behind a quotation it is held as long as that
is valid. Nothing is picked and nothing leaves, nobody is counted as waiting for stock, and no promise is firm.
"""

from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import db

GATED = ("quoted", "awaiting_approval")
"""States of requests and lines behind a gate."""

Rule = Literal["value", "out_of_contract"]
"""Why a request needs an approval."""


class Gate(Struct, frozen=True, kw_only=True):
    """What a request waits for, and until when its stock is held meanwhile (None: as long as it waits)."""

    state: Literal["quoted", "awaiting_approval"]
    until: datetime | None = None
    rules: tuple[Rule, ...] = ()


async def gate_of(request: UUID) -> Gate | None:
    """What a request waits for now."""
    return await db.read_one(
        Gate,
        """SELECT 'quoted' AS state, valid_until AS until FROM quotation WHERE request = $1 AND state = 'open'
           UNION ALL
           SELECT 'awaiting_approval', NULL FROM request_approval WHERE request = $1 AND state = 'asked'
           LIMIT 1""",
        request,
    )
