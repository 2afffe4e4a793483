"""What is believed of a part's failure rate, and why: the latest belief and the ones before it."""

from datetime import date

from msgspec import Struct

from inventory.ground import db


class Belief(Struct, frozen=True, kw_only=True):
    """A failure rate as believed from a day on, with its evidence."""

    valid_from: date
    annual_rate: float
    failures: int
    device_years: float
    source: str
    evidence: str


async def beliefs(part_number: str, *, limit: int = 5) -> list[Belief]:
    """What is and was believed of a part's failure rate, the present belief first."""
    return await db.read(
        Belief,
        """SELECT valid_from, annual_rate, failures, device_years, source, evidence
           FROM failure_rate JOIN part ON part.id = failure_rate.part
           WHERE part.part_number = $1 ORDER BY valid_from DESC, failure_rate.id DESC LIMIT $2""",
        part_number,
        limit,
    )
