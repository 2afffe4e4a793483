"""Charts as data: what `app.js` draws. Pure; names are in the reader's language already."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, time, timedelta
from itertools import accumulate
from typing import Any, Literal

from msgspec import Struct

from api.languages import Language
from api.pages.formats import ZONE
from inventory.emergency.cases import CaseView
from inventory.emergency.following import Followed
from inventory.emergency.recovering import Recovery
from inventory.installed_base.failure_counts import DayCount, MonthCount
from inventory.procurement.price_history import PricePoint
from inventory.stock.history import LevelHistory
from inventory.stock.levels import LevelView
from optimizer.frontier import Point
from optimizer.recovery import expected_band

Words = Callable[[str], str]


class Series(Struct, frozen=True, kw_only=True):
    """A row of points, over time as steps unless `sloped`; `marks` are instants worth a vertical line."""

    name: str
    points: list[Any]
    colour: str | None = None
    area: bool = False
    sloped: bool = False
    dashed: bool = False
    marks: list[tuple[str, str]] = []


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
    start: str | None = None
    end: str | None = None
    x_name: str = ""
    y_name: str = ""
    whole: bool = False
    below_zero: bool = False


def _local(at: datetime) -> str:
    """An instant as the pages' clock shows it; a chart without a zone is drawn the same everywhere.

    >>> _local(datetime.fromisoformat("2026-11-21T06:05:00Z"))
    '2026-11-21T14:05:00'
    """
    return at.astimezone(ZONE).replace(tzinfo=None).isoformat(timespec="seconds")


def _points(history: LevelHistory, until: datetime) -> list[tuple[str, int]]:
    """A history as steps, drawn on to the end."""
    told = [(_local(point.at), point.available) for point in history.points]
    return [*told, (_local(until), history.points[-1].available)]


def _lines(
    critical_point: int | None, average_failure_line: int | None, base_stock: int | None, _: Words
) -> list[Line]:
    """The lines a level is held against; one at zero holds nothing."""
    known = (
        (_("critical point"), critical_point, "red", False),
        (_("average-failure line"), average_failure_line, "orange", True),
        (_("base stock"), base_stock, "grey", False),
    )
    return [
        Line(name=name, value=value, colour=colour, dashed=dashed) for name, value, colour, dashed in known if value
    ]


def level_over_time(history: LevelHistory, level: LevelView, start: datetime, end: datetime, _: Words) -> Chart:
    """What a level had available, against its lines as they are now."""
    return Chart(
        kind="time",
        series=[Series(name=_("available"), points=_points(history, end), area=True)],
        lines=_lines(level.critical_point, level.average_failure_line, level.base_stock, _),
        start=_local(start),
        end=_local(end),
        whole=True,
    )


def case_over_time(followed: Followed, _: Words) -> Chart | None:
    """What a case's stock had available, against the lines it was judged by; None where the part never lay there."""
    if followed.history is None:
        return None
    start, end = followed.since, _calm(followed)
    stock = followed.view.evidence["stock"]
    marks = _marks(followed.view, (end - start) / 6, _)
    return Chart(
        kind="time",
        series=[Series(name=_("available"), points=_points(followed.history, end), area=True, marks=marks)],
        lines=_lines(stock["critical_point"], stock["average_failure_line"], stock["base_stock"], _),
        start=_local(start),
        end=_local(end),
        whole=True,
    )


def _calm(followed: Followed) -> datetime:
    """The end of a chart that is drawn again and again: it moves on in steps, but never behind what happened."""
    step = max((followed.until - followed.since) / 60, timedelta(seconds=10)).total_seconds()
    reached = followed.until.timestamp() // step * step
    last = followed.history.points[-1].at if followed.history else followed.since
    return max(datetime.fromtimestamp(reached, UTC), last, followed.view.case.opened_at)


def _marks(view: CaseView, apart: timedelta, _: Words) -> list[tuple[str, str]]:
    """The turns of a case as marks on its stock; those too close to tell apart share one."""
    case = view.case
    turns = (
        (case.opened_at, _("opened")),
        (case.approved_at, _("approved")),
        (case.cover_restored_at, _("cover restored")),
    )
    marks: list[tuple[datetime, str]] = []
    for at, words in turns:
        if at is None:
            continue
        if marks and at - marks[-1][0] < apart:
            marks[-1] = (marks[-1][0], f"{marks[-1][1]} · {words}")
        else:
            marks.append((at, words))
    return [(_local(at), words) for at, words in marks]


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


def failures_by_month(months: Sequence[MonthCount], expected: float | None, _: Words) -> Chart:
    """Failures month by month, against what the long-run rate expects of a month where that is told."""
    return Chart(
        kind="bars",
        series=[Series(name=_("failures"), points=[month.failures for month in months])],
        lines=[Line(name=_("expected a month"), value=round(expected, 2), colour="orange", dashed=True)]
        if expected
        else [],
        categories=[f"{month.month:%Y-%m}" for month in months],
        whole=True,
    )


def failures_by_day(days: Sequence[DayCount], expected: float | None, _: Words) -> Chart:
    """Failures day by day, against what is expected of a day where that is told."""
    return Chart(
        kind="bars",
        series=[Series(name=_("failures"), points=[day.failures for day in days], colour="red")],
        lines=[]
        if expected is None
        else [Line(name=_("expected a day"), value=round(expected, 3), colour="orange", dashed=True)],
        categories=[f"{day.day:%m-%d}" for day in days],
    )


def failures_against_expected(days: Sequence[DayCount], rate_per_day: float | None, _: Words) -> Chart | None:
    """Failures added up day by day, against what the long-run rate expects and the band that four in five times hold.

    Without a rate they stand alone; None where no day is told.
    """
    if not days:
        return None
    ends = [datetime.combine(day.day + timedelta(days=1), time(0)).isoformat() for day in days]
    so_far = list(zip(ends, accumulate(day.failures for day in days), strict=True))
    told = [Series(name=_("failures so far"), points=so_far, colour="red", area=True)]
    if rate_per_day is not None:
        band = expected_band(rate_per_day, len(days))
        expected = [(at, round(rate_per_day * n, 2)) for n, at in enumerate(ends, start=1)]
        few, many = ([(at, each[which]) for at, each in zip(ends, band, strict=True)] for which in (0, 1))
        told += [
            Series(name=_("expected"), points=expected, colour="orange", sloped=True),
            Series(name=_("few, one time in ten"), points=few, colour="grey", dashed=True),
            Series(name=_("many, one time in ten"), points=many, colour="grey", dashed=True),
        ]
    return Chart(kind="time", series=told, start=ends[0], end=ends[-1], whole=True)


def recovery_over_time(told: Recovery, _: Words) -> Chart:
    """What is expected of a case's stock in the coming days, against its lines: with its measures, and without."""
    start = told.at.replace(second=0, microsecond=0)
    ahead = [_local(start + timedelta(days=day.day)) for day in told.with_measures.days]

    def of(name: str, values: Sequence[float], colour: str, *, dashed: bool = False) -> Series:
        points = [(at, round(value, 2)) for at, value in zip(ahead, values, strict=True)]
        return Series(name=name, points=points, colour=colour, sloped=True, dashed=dashed)

    days = told.with_measures.days
    return Chart(
        kind="time",
        series=[
            of(_("expected with the measures"), [day.expected for day in days], "1"),
            of(_("little, one time in ten"), [day.least for day in days], "grey", dashed=True),
            of(_("much, one time in ten"), [day.most for day in days], "grey", dashed=True),
            of(_("by what is confirmed alone"), [day.expected for day in told.confirmed.days], "3", dashed=True),
        ],
        lines=[
            *_lines(told.critical_point, told.average_failure_line, None, _),
            Line(name=_("needed for cover"), value=told.needed, colour="2"),
        ],
        start=ahead[0],
        end=ahead[-1],
        below_zero=True,
    )


def prices_over_time(points: Sequence[PricePoint], language: Language, _: Words) -> Chart | None:
    """What each vendor offered a part for, and what it was ordered and invoiced for, the oldest first; None below two."""
    if len(points) < 2:
        return None
    rows: dict[str, list[tuple[str, float]]] = {}
    kinds = {"offered": _("offered"), "ordered": _("ordered"), "invoiced": _("invoiced")}
    for point in points:
        vendor = point.vendor_zh if language == "zh" else point.vendor_en
        kind = _("expedited") if point.kind == "ordered" and point.expedited else kinds[point.kind]
        rows.setdefault(f"{vendor} · {kind}", []).append((point.on.isoformat(), float(point.unit_price_cny)))
    end = points[-1].on.isoformat()
    drawn = {name: [*told, (end, told[-1][1])] for name, told in rows.items()}
    return Chart(
        kind="time",
        series=[Series(name=name, points=told) for name, told in drawn.items()],
        start=points[0].on.isoformat(),
        end=end,
        y_name=_("CNY a piece"),
    )


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


def cost_against_service(points: Sequence[Point], _: Words) -> Chart | None:
    """What the stock costs as the targets move; None where nobody asked yet, or no two targets can be kept."""
    costs = [(round(100 * point.shift, 6), point.cost_cny) for point in points if point.cost_cny is not None]
    if len(costs) < 2:
        return None
    return Chart(
        kind="scatter",
        series=[Series(name=_("cost of the stock"), points=costs)],
        x_name=_("all targets moved by, percentage points"),
        y_name=_("cost, CNY"),
    )
