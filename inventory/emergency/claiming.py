"""Claiming a bad batch at its vendor, with what the radar and the ledger know of it frozen into the claim."""

from typing import Any

import msgspec

from inventory.ground import clock, db
from inventory.ground.actor import Actor
from inventory.installed_base.bursts import in_words
from inventory.procurement import claims
from inventory.procurement.claims import ClaimView
from inventory.stock import batches


@db.atomic
async def claim(receipt: str, part_number: str, *, by: Actor, reason: str) -> ClaimView:
    """Open a quality claim about a part of a receipt; its evidence is what is known of the batch now.

    Raises:
        As `procurement.claims.open_claim`.

    """
    by.require("claims.open")
    row = await db.fetch_one(
        """SELECT radar_series.windows, radar_series.concentrations, radar_series.failures, radar_series.expected,
                  radar_series.statistic, radar_series.threshold, radar_series.allowance, radar_series.in_alarm,
                  (SELECT number FROM radar_alarm
                   WHERE radar_alarm.dimension = 'batch' AND radar_alarm.subject = radar_series.subject
                     AND radar_alarm.state <> 'withdrawn'
                   ORDER BY radar_alarm.id DESC LIMIT 1) AS alarm
           FROM radar_series
           JOIN receipt ON receipt.number = $1
           JOIN part ON part.part_number = $2
           WHERE radar_series.dimension = 'batch' AND radar_series.subject = receipt.id || ':' || part.id""",
        receipt,
        part_number,
    )
    known: dict[str, Any] = {} if row is None else dict(row)
    alarm = known.pop("alarm", None)
    words = {
        f"told_{language}": in_words(known["windows"], known["concentrations"], language) if known else ""
        for language in ("en", "zh")
    }
    lying = msgspec.to_builtins(await batches.whereabouts(receipt, part_number, seen_by=by))
    evidence = {"at": clock.now().isoformat(), "radar": known or None, "whereabouts": lying, **words}
    return await claims.open_claim(receipt, part_number, by=by, reason=reason, evidence=evidence, alarm=alarm)
