"""Evidence: everything a case or a near miss rests on, frozen as it stood."""

from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import msgspec

from inventory.emergency.facts import Facts, RowFacts
from inventory.emergency.judging import Judgement
from inventory.emergency.radar_views import part_words
from inventory.ground import clock, db
from inventory.stock.serving import devices_of

CHART_DAYS = 60
"""How far back the frozen evidence shows failures day by day."""


async def evidence_of(facts: Facts, subject: RowFacts, judgement: Judgement) -> dict[str, Any]:
    """Everything a judgement rests on, as it stands now."""
    served = await db.fetch(
        f"""SELECT contract.code AS contract, customer.name_zh, customer.name_en, count(*)::int AS devices
            FROM ({devices_of("$1", "$2")}) AS device
            JOIN model_part ON model_part.model = device.model AND model_part.part = $3
            JOIN contract ON contract.id = device.contract
            JOIN party AS customer ON customer.id = contract.customer
            GROUP BY contract.code, customer.name_zh, customer.name_en ORDER BY count(*) DESC, contract.code""",
        subject.place,
        subject.pool,
        subject.part,
    )
    return {
        "conditions": {
            "below_critical_point": judgement.below or bool(judgement.broken),
            "in_burst": judgement.in_burst,
            "under_average_line": judgement.under_average,
        },
        "stock": {
            "on_hand": subject.on_hand,
            "reserved": subject.reserved,
            "backordered": subject.backordered,
            "unissuable": subject.unissuable,
            "available": subject.available,
            "base_stock": subject.base_stock,
            "critical_point": judgement.point,
            "average_failure_line": judgement.average_line,
            "expected_over_resupply": judgement.expected_over_resupply,
        },
        "projected_share": judgement.share,
        "planned_share": subject.planned_share,
        "arriving": msgspec.to_builtins(subject.arriving),
        "critical_point": msgspec.to_builtins(judgement.critical),
        "burst": msgspec.to_builtins(judgement.burst),
        "radar": await part_words(subject.part_number),
        "failures_per_day": _per_day(facts.at, subject),
        "classes": [
            {
                "code": c.code,
                "target": c.target,
                "floor": c.floor,
                "planned": c.planned_service,
                "service": c.on_time_rate / c.total_rate if c.total_rate > 0 else 1.0,
                "broken": c.code in judgement.broken,
            }
            for c in facts.classes
            if any(demand.service_class == c.code for demand in subject.demands)
        ],
        "served": [dict(row) for row in served],
        "policy": msgspec.to_builtins(facts.policy),
        "rate_per_day": subject.rate_per_day,
        "present_rate_per_day": judgement.row.rate_per_day,
        "resupply_days": subject.resupply_days,
    }


def _per_day(at: datetime, subject: RowFacts) -> list[dict[str, Any]]:
    """Failures day by day against what is expected a day, for the evidence chart."""
    counted = Counter(failed.astimezone(clock.ZONE).date() for failed in subject.failures)
    days = [at.astimezone(clock.ZONE).date() - timedelta(days=back) for back in range(CHART_DAYS - 1, -1, -1)]
    return [{"day": day.isoformat(), "failures": counted[day], "expected": subject.rate_per_day} for day in days]
