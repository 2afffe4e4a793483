"""The burst radar: false alarms against what is stated, how soon bursts are found, and what real demand makes of it."""

import csv
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench.tables import Figures
from optimizer.burst import alarms, reference, threshold
from optimizer.radar import design

Floats = npt.NDArray[np.float64]
Test = Callable[[Floats, float], Floats]
"""Of failure times in years and the rate believed, the times at which a rule alarms."""

SERIES = 1000
STATED = 40.0
RATIO = 3.0
DRAWN = 5000
YEARS = 4.0
RATES = {"slow, 0.1 a year": 0.1, "1 a year": 1.0, "10 a year": 10.0, "fast, 100 a year": 100.0}
FIXED = 3
"""The fixed rule: more than this many times what is expected within 30 days, and at least two."""

DEMAND = Path(__file__).parent / "data" / "part_demand_monthly.csv"


def run() -> Figures:
    """Measure."""
    random = np.random.default_rng(118)
    figures = Figures(
        "Burst radar",
        f"False alarms a year of {SERIES} series with one rate, whose radar states at most {STATED:.0f} (from "
        f"{DRAWN} drawn; an alarm starts its series anew, so that one whose rate is far above what is believed "
        "counts again and again); the median (and mean) days from the beginning of a burst of so many times the "
        "rate to the alarm, or how many of 300 bursts a year long were missed. Compared: the radar; a plain CUSUM "
        "with one threshold for all series, set so that it keeps the same statement on the series of 10 a year and "
        f"deaf to how well a rate is known; and a fixed rule, more than {FIXED} times what 30 days expect and at "
        "least two. The true rates are the believed ones (Poisson), or drawn from a Gamma of shape 2 around them "
        "(uncertain). The last row is reported, not judged: monthly demand of 1,337 real spare parts, each part's "
        "first 24 months its belief, the following 27 watched, each month's pieces spread over it evenly.",
        ("series", "rule", "false alarms a year", "2 ×", "3 ×", "5 ×", "µs a series"),
    )
    plain = threshold(RATIO, 10.0 * SERIES / STATED)
    for name, rate in RATES.items():
        for known, shape in (("Poisson", np.inf), ("uncertain", 2.0)):
            tested = design(rate / 365, shape, SERIES, STATED, RATIO)
            rules: dict[str, Test] = {
                "radar": _cusum(tested.threshold, tested.allowance),
                "plain CUSUM": _cusum(plain, 1.0),
                "fixed": _fixed,
            }
            for rule, test in rules.items():
                false, seconds = _false_alarms(test, rate, shape, np.random.default_rng(1))
                delays = [_delays(test, rate, times, shape, np.random.default_rng(2)) for times in (2, 3, 5)]
                figures.rows.append((f"{name}, {known}", rule, f"{false:.1f}", *delays, f"{seconds * 1e6:.0f}"))
    figures.rows.append(_real(random))
    return figures


def _cusum(limit: float, allowance: float) -> Test:
    def test(times: Floats, rate: float) -> Floats:
        fall, statistic, last = reference(RATIO) * allowance * rate, 0.0, 0.0
        found: list[float] = []
        for moment in times:
            statistic = max(0.0, statistic - fall * (moment - last)) + 1
            last = moment
            if statistic >= limit:
                found.append(moment)
                statistic = 0.0
        return np.array(found)

    return test


def _fixed(times: Floats, rate: float) -> Floats:
    month = 30 / 365
    needed = max(2.0, FIXED * rate * month)
    found: list[float] = []
    began = -1.0
    for number, moment in enumerate(times):
        within = number + 1 - int(np.searchsorted(times, max(moment - month, began), side="right"))
        if within >= needed and within > FIXED * rate * month:
            found.append(moment)
            began = moment
    return np.array(found)


def _drawn(rate: float, years: float, random: np.random.Generator) -> Floats:
    return np.sort(random.uniform(0, years, random.poisson(rate * years)))


def _true(rate: float, shape: float, random: np.random.Generator) -> float:
    return rate if np.isinf(shape) else rate * random.gamma(shape, 1 / shape)


def _false_alarms(test: Test, rate: float, shape: float, random: np.random.Generator) -> tuple[float, float]:
    """False alarms a year over all series, and the seconds that a series took."""
    drawn = [_drawn(_true(rate, shape, random), YEARS, random) for _ in range(DRAWN)]
    began = time.process_time()
    found = sum(len(test(times, rate)) for times in drawn)
    return found / YEARS * SERIES / DRAWN, (time.process_time() - began) / DRAWN


def _delays(test: Test, rate: float, times: float, shape: float, random: np.random.Generator) -> str:
    """How long a burst goes on before it is found, after a year of normal life."""
    delays: list[float] = []
    for _ in range(300):
        true = _true(rate, shape, random)
        burst = 1 + _drawn(times * true, 1.0, random)
        found = test(np.concatenate([_drawn(true, 1.0, random), burst]), rate)
        after = found[found > 1]
        delays.append(float(after[0] - 1) * 365 if len(after) else np.inf)
    missed = int(np.isinf(delays).sum())
    if missed > 150:
        return f"missed {missed}"
    heard = np.array([delay for delay in delays if np.isfinite(delay)])
    return f"{np.median(delays):.0f} ({heard.mean():.0f})" + (f", missed {missed}" if missed else "")


def _real(random: np.random.Generator) -> Sequence[object]:
    """How often the radar alarms on real monthly demand, with the belief of the months before."""
    with DEMAND.open() as file:
        months = [row[1:] for row in csv.reader(file)][1:]
    found, watched, seconds = 0, 0, 0.0
    for row in months:
        demand = [float(cell) if cell not in ("", "NA") else np.nan for cell in row]
        before = [each for each in demand[:24] if not np.isnan(each)]
        after = [0.0 if np.isnan(each) else each for each in demand[24:]]
        if len(before) < 12 or sum(before) == 0:
            continue
        watched += 1
        rate, shape = sum(before) / len(before), sum(before) + 0.5
        times = np.sort(np.concatenate([number + random.uniform(0, 1, int(each)) for number, each in enumerate(after)]))
        tested = design(rate * 12 / 365, shape, len(months), STATED, RATIO)
        began = time.process_time()
        found += len(
            alarms(times.tolist(), rate, float(len(after)), RATIO, tested.threshold, allowance=tested.allowance)
        )
        seconds += time.process_time() - began
    years = 27 / 12
    told = f"{found / years:.0f} alarms a year over {watched} parts"
    return ("real monthly demand", "radar", told, "–", "–", "–", f"{seconds / max(watched, 1) * 1e6:.0f}")
