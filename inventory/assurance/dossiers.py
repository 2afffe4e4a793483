"""Dossiers: everything about one part, from every room, for somebody with certain rights and scope."""

from datetime import datetime, timedelta

from msgspec import Struct

from inventory.catalogue import beliefs, parts, substitutes
from inventory.catalogue.beliefs import Belief
from inventory.catalogue.parts import PartView
from inventory.catalogue.substitutes import SubstituteView
from inventory.emergency import assessments
from inventory.emergency.assessments import AssessmentView
from inventory.ground import clock
from inventory.ground.actor import Actor
from inventory.installed_base import failure_counts
from inventory.installed_base.failure_counts import MonthCount
from inventory.stock import history, levels, lots, movements, units
from inventory.stock.history import LevelHistory
from inventory.stock.levels import LevelView
from inventory.stock.lots import LotStock
from inventory.stock.movements import MovementView
from inventory.stock.units import UnitView

TOLD = timedelta(days=120)
"""How far back a part's stock is told."""

LATEST = 15
"""How many movements and units are shown."""


class PartDossier(Struct, frozen=True, kw_only=True):
    """A part with its stock, judgements, failures and relatives; what the reader may not see is empty."""

    part: PartView
    substitutes: list[SubstituteView]
    beliefs: list[Belief]
    levels: list[LevelView]
    histories: list[LevelHistory]
    movements: list[MovementView]
    units: list[UnitView]
    lots: list[LotStock]
    assessments: list[AssessmentView]
    failures: list[MonthCount]
    since: datetime
    until: datetime


async def part_dossier(number: str, *, seen_by: Actor) -> PartDossier:
    """Everything about a part, by its number or an alias.

    Raises:
        UnknownPart: no such part; the facts name the nearest numbers.

    """
    part = await parts.part(number, seen_by=seen_by)
    own, now = part.part_number, clock.now()
    stock, judged, failed = (seen_by.may(right) for right in ("stock.read", "emergency.read", "devices.read"))
    since = now - TOLD
    return PartDossier(
        part=part,
        substitutes=await substitutes.substitutes(own),
        beliefs=await beliefs.beliefs(own) if seen_by.vendor is None else [],
        levels=await levels.levels(limit=200, seen_by=seen_by, part_number=own) if stock else [],
        histories=await history.available_over_time(own, since, seen_by=seen_by) if stock else [],
        movements=await movements.movements(limit=LATEST, seen_by=seen_by, part_number=own) if stock else [],
        units=await units.units(limit=LATEST, seen_by=seen_by, part_number=own) if stock else [],
        lots=await lots.lot_stocks(limit=200, seen_by=seen_by, part_number=own) if stock else [],
        assessments=await assessments.assessment_views(limit=200, seen_by=seen_by, part_number=own) if judged else [],
        failures=await failure_counts.failures_per_month(own, seen_by=seen_by) if failed else [],
        since=since,
        until=now,
    )
