"""Gauges: where a level stands against its lines, as per cents of a small bar. Pure."""

from msgspec import Struct

from inventory.stock.risk import Standing

HEADROOM = 1.06
"""The bar goes a little beyond its highest mark, so that the mark can be seen."""


class Gauge(Struct, frozen=True, kw_only=True):
    """A bar for the available stock and what is on its way, and a mark for each line; all in per cent of the width."""

    available: float
    arriving: float
    critical_point: float
    average_failure_line: float
    base_stock: float
    standing: Standing


def standing_of(
    available: int, critical_point: int | None, average_failure_line: int | None, base_stock: int | None
) -> Standing:
    """Which of its lines a level has fallen to.

    >>> standing_of(1, 2, 3, 6), standing_of(3, 2, 3, 6), standing_of(5, 2, 3, 6), standing_of(6, 2, 3, 6)
    ('below_critical_point', 'under_average_line', 'below_base_stock', 'covered')
    >>> standing_of(0, None, None, None), standing_of(0, 0, 0, 0)
    ('covered', 'covered')
    """
    if critical_point is not None and available < critical_point:
        return "below_critical_point"
    if base_stock and average_failure_line is not None and available <= average_failure_line:
        return "under_average_line"
    return "below_base_stock" if base_stock is not None and available < base_stock else "covered"


def gauge(
    available: int,
    critical_point: int | None,
    average_failure_line: int | None,
    base_stock: int | None,
    *,
    arriving: int = 0,
) -> Gauge:
    """A level as a gauge.

    >>> shown = gauge(2, 1, 2, 4, arriving=1)
    >>> round(shown.available), round(shown.arriving), round(shown.base_stock), shown.standing
    (47, 24, 94, 'under_average_line')
    """
    critical, average, base = critical_point or 0, average_failure_line or 0, base_stock or 0
    present = max(available, 0)
    width = max(critical, average, base, present + arriving, 1) * HEADROOM / 100
    return Gauge(
        available=present / width,
        arriving=arriving / width,
        critical_point=critical / width,
        average_failure_line=average / width,
        base_stock=base / width,
        standing=standing_of(available, critical_point, average_failure_line, base_stock),
    )
