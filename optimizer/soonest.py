"""Emergency plan 2 when no plan is in time: the soonest that one can be, and what it costs."""

from msgspec.structs import replace

from optimizer.emergency import Point, choose
from optimizer.situation import Situation


def soonest(situation: Situation, *, time_limit_s: float = 30.0) -> Point | None:
    """The cheapest of the plans that meet every need earliest, whatever the deadlines; None where none ever does.

    Deadlines are lifted to the time at which the last thing can arrive; the fastest plan of the front is the answer.

    >>> from optimizer.situation import Need, VendorOption
    >>> needs = (Need(part="FAN", depot="GZ", on_hand=0, hold_point=2, needed_by_hours=24.0),)
    >>> options = tuple(
    ...     VendorOption(f"V{hours:g}", "FAN", price, hours, 1, 9, 1, 0.0, ("GZ",))
    ...     for hours, price in ((100.0, 10.0), (48.0, 30.0))
    ... )
    >>> found = soonest(Situation(needs, options, (), 1.0, 200.0))
    >>> found.last_needed_arrival_hours, found.cost_cny
    (48.0, 60.0)
    """
    hours = [
        0.0,
        *(each.eta_hours for need in situation.needs for each in need.inbound),
        *(need.needed_by_hours for need in situation.needs),
        *(option.lead_hours for option in situation.vendor_options),
        *(lane.hours for lane in situation.lanes),
    ]
    lifted = tuple(replace(need, needed_by_hours=max(hours)) for need in situation.needs)
    front = choose(replace(situation, needs=lifted), time_limit_s=time_limit_s).front
    return front[-1] if front else None
