"""Charts as data: what `app.js` draws. Pure; names are in the reader's language already."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal

from msgspec import Struct

from inventory.emergency.cases import CaseView
from inventory.emergency.following import DayCount
from inventory.installed_base.failure_counts import MonthCount
from inventory.stock.history import LevelHistory
from inventory.stock.levels import LevelView

Words = Callable[[str], str]


class Series(Struct, frozen=True, kw_only=True):
    """A row of points; `marks` are instants worth a vertical line."""

    name: str
    points: list[Any]
    colour: str | None = None
    area: bool = False
    marks: list[tuple[datetime, str]] = []


class Line(Struct, frozen=True, kw_only=True):
    """A value that the others are held against."""

    name: str
    value: float
    colour: str
    dashed: bool = False


class Chart(Struct, frozen=True, kw_only=True):
    """A chart over time, of bars by category, or of points."""

    kind: Literal["time", "bars", "scatter"]
    series: list[Series]
    lines: list[Line] = []
    categories: list[str] = []
    start: datetime | None = None
    end: datetime | None = None
    x_name: str = ""
    y_name: str = ""
    whole: bool = False


def _points(history: LevelHistory, until: datetime) -> list[tuple[datetime, int]]:
    """A history as steps, drawn on to the end."""
    return [*((point.at, point.available) for point in history.points), (until, history.points[-1].available)]


def _lines(level: LevelView, _: Words) -> list[Line]:
    """The lines a level is held against."""
    known = (
        (_("critical point"), level.critical_point, "red", False),
        (_("average-failure line"), level.average_failure_line, "orange", True),
        (_("base stock"), level.base_stock, "grey", False),
    )
    return [
        Line(name=name, value=value, colour=colour, dashed=dashed)
        for name, value, colour, dashed in known
        if value is not None
    ]


def level_over_time(
    history: LevelHistory, level: LevelView | None, start: datetime, end: datetime, _: Words,
    marks: Sequence[tuple[datetime, str]] = (),
) -> Chart:
    """What a level had available, against its lines as they are now."""
    series = Series(name=_("available"), points=_points(history, end), area=True, marks=list(marks))
    lines = _lines(level, _) if level is not None else []
    return Chart(kind="time", series=[series], lines=lines, start=start, end=end, whole=True)


def levels_over_time(
    histories: Sequence[LevelHistory], levels: Sequence[LevelView], start: datetime, end: datetime, _: Words
) -> list[tuple[LevelView, Chart]]:
    """A chart for every level that holds stock, or should."""
    told = {(history.depot, history.pool): history for history in histories}
    return [
        (level, level_over_time(told[level.depot, level.pool], level, start, end, _))
        for level in levels
        if (level.depot, level.pool) in told and (level.base_stock or level.on_hand or level.backordered)
    ]


def failures_by_month(months: Sequence[MonthCount], expected: float, _: Words) -> Chart:
    """Failures month by month, against what the long-run rate expects of a month."""
    return Chart(
        kind="bars",
        series=[Series(name=_("failures"), points=[month.failures for month in months])],
        lines=[Line(name=_("expected a month"), value=round(expected, 2), colour="orange", dashed=True)] if expected else [],
        categories=[f"{month.month:%Y-%m}" for month in months],
        whole=True,
    )


def failures_by_day(days: Sequence[DayCount], expected: float, _: Words) -> Chart:
    """Failures day by day, against what is expected of a day."""
    return Chart(
        kind="bars",
        series=[Series(name=_("failures"), points=[day.failures for day in days], colour="red")],
        lines=[Line(name=_("expected a day"), value=round(expected, 3), colour="orange", dashed=True)],
        categories=[f"{day.day:%m-%d}" for day in days],
    )


def case_marks(view: CaseView, _: Words) -> list[tuple[datetime, str]]:
    """The turns of a case, as marks on its stock."""
    case = view.case
    turns = (
        (case.opened_at, _("opened")),
        (case.approved_at, _("approved")),
        (case.cover_restored_at, _("cover restored")),
    )
    return [(at, words) for at, words in turns if at is not None]


def cost_against_time(front: Sequence[Mapping[str, Any]], _: Words) -> Chart | None:
    """The plans that no other beats in both cost and time; None where there is nothing to weigh."""
    if len(front) < 2:
        return None
    points = sorted((point["last_needed_arrival_hours"], point["cost_cny"]) for point in front)
    return Chart(
        kind="scatter",
        series=[Series(name=_("what it costs to be sooner"), points=points)],
        x_name=_("last needed arrival, hours"),
        y_name=_("cost, CNY"),
    )
