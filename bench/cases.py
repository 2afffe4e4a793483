"""Plan 2: how often it opens in normal years, and how soon in bursts, beside simpler rules on the same lives."""

import json
from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from msgspec import Struct

from bench.sizing import network_document
from bench.tables import Figures
from inventory.emergency.facts import ClassFacts, Facts, RowFacts
from inventory.emergency.judging import Judgement, still_missing
from inventory.emergency.playing import Failing, Measure, Played, play
from inventory.emergency.policy import NewPolicy, Policy
from inventory.planning.answering import answer
from inventory.planning.answers import Answered
from optimizer.cover import on_time_share

PARTS, DEPOTS, YEARS = 300, 2, 10
DEVICES_IN = 20
"""The network of the sizing benchmark with one device in so many: some thousand failures a year."""

START = datetime(2026, 1, 1, tzinfo=UTC)
SEED = 20_261_122
RATE_SHAPE = 10.0
"""How well rates are known where they are not: as from ten failures each, a spread of a third."""

TIMES = (2, 3, 5, 10)
BURST_DAYS = 120
LIVED_DAYS = 60
BURSTS = 24
"""How many bursts of each kind."""

SLOW, FAST = (0.3, 1.5), (4.0, 1e9)
"""Failures a year of a row that is called so."""

DEAR_CNY = 2500.0


class Look(Struct, frozen=True):
    """A row as it is seen after something happened to it: what is free, its share at the long-run rate, the alarm."""

    at: datetime
    available: int
    share: float
    in_burst: bool


Rule = Callable[[Look], bool]


def run() -> Figures:
    """Measure."""
    answered, costs = company()
    facts = facts_of(answered)
    random = np.random.default_rng(SEED)
    lives = _lives(facts, [row.rate_per_day for row in facts.rows], YEARS * 365, random)
    normal, looks = _played(facts, lives, YEARS * 365)
    reorder, hold = _tuned(looks, len(normal.opened))
    figures = Figures(
        "Plan 2: normal years and bursts",
        f"{PARTS} parts in {DEPOTS} depots, three classes of promise, {len(lives) / YEARS:,.0f} failures a year; the cheapest "
        "stock that keeps the targets, floors found as the product finds them, ordinary orders one for one, and every "
        "failure and delivery judged by the product's own rules under the default policy. "
        "Stated: each class falls below its floor at most once a year, and the burst tests give at most "
        f"{facts.policy.false_alarms_per_year:.0f} false alarms a year. {YEARS} normal years, then {BURSTS} bursts of "
        f"each kind, {BURST_DAYS} days each: slow is {SLOW[0]} to {SLOW[1]} failures a year in the store, fast more than "
        f"{FAST[0]:.0f}; dear is more than CNY {DEAR_CNY:,.0f} a piece. Told are the share found, the mean days from the "
        "beginning until the case of those found, and the mean number of customers who by then (or in the whole burst, "
        "where it was not found) had found no stock. The same lives and bursts for every rule; no rule's case buys "
        "anything there. Beside plan 2: a reorder point, which calls when the free stock (less those who wait) is at or "
        "below one number of pieces, once set so that it calls no more seldom than plan 2 and once a piece lower; and a "
        "hold point row by row, which calls when a row's own projected share is below one target, as low as it goes in "
        "hundredths without calling more seldom than plan 2, which is far oftener: cheap plans leave slow shelves empty in "
        "normal life. The burst alarm is what "
        "plan 2 tells people before (a near miss) and what its policy may ask for; it opens no case while the promise holds.",
        (
            "what",
            "burst",
            "failures",
            "plan 2",
            "its burst alarm",
            f"at or below {reorder}",
            f"at or below {reorder - 1}",
            f"share below {hold:.0%}",
        ),
    )
    years = f"{YEARS} normal years, calls a year"
    rules = [_calls(looks, rule) for rule in (_at_or_below(reorder), _at_or_below(reorder - 1), _below(hold))]
    figures.rows.append(
        (years, "–", len(lives), _a_year(normal.opened), _a_year(_calls(looks, _in_burst)), *map(_a_year, rules))
    )
    acting, _ = _played(facts, lives, YEARS * 365, acts=True)
    figures.rows.append(("the same, cases bring what is missing", "–", len(lives), _a_year(acting.opened), *("–" * 4)))
    unsure = facts_of(answered, shape=RATE_SHAPE)
    true = [row.rate_per_day * random.gamma(RATE_SHAPE, 1 / RATE_SHAPE) for row in facts.rows]
    drawn = _lives(unsure, true, YEARS * 365, random)
    wrong, looks = _played(unsure, drawn, YEARS * 365)
    rules = [_calls(looks, rule) for rule in (_at_or_below(reorder), _at_or_below(reorder - 1), _below(hold))]
    figures.rows.append(
        (
            "rates known as from 10 failures each",
            "–",
            len(drawn),
            _a_year(wrong.opened),
            _a_year(_calls(looks, _in_burst)),
            *map(_a_year, rules),
        )
    )
    for name, (least, most) in {"slow": SLOW, "fast": FAST}.items():
        for dear in (False, True):
            rows = [
                number
                for number, row in enumerate(facts.rows)
                if least <= row.rate_per_day * 365 <= most and (costs[row.part_number] > DEAR_CNY) == dear
            ]
            for times in TIMES:
                told = _bursts(facts, rows, times, reorder, hold)
                figures.rows.append((f"{name}, {'dear' if dear else 'cheap'}", f"{times} ×", *told))
    return figures


def company() -> tuple[Answered, dict[str, float]]:
    """A network, its plan with the floors the product finds for it, and what the parts cost."""
    document = network_document(PARTS, DEPOTS)
    for row in document["installed_base"]:
        row["device_count"] = max(1, row["device_count"] // DEVICES_IN)
    costs = {part["id"]: part["unit_cost_cny"] for part in document["parts"]}
    return msgspec.json.decode(answer(json.dumps(document).encode()), type=Answered), costs


def facts_of(answered: Answered, *, shape: float = np.inf) -> Facts:
    """The plan's rows with full shelves, as the product gathers them."""
    new = NewPolicy()
    policy = Policy(version=1, valid_from=START, approved_by="bench", **msgspec.structs.asdict(new))
    places = {row.store: number for number, row in enumerate(answered.rows)}
    parts = {row.part: number for number, row in enumerate(answered.rows)}
    rows = [
        RowFacts(
            part=parts[row.part], place=places[row.store], pool=1, part_number=row.part, name_zh="", name_en="",
            depot=row.store, pool_code="common", on_hand=row.base_stock, reserved=0, backordered=0,
            base_stock=row.base_stock, critical_point=None, average_failure_line=None,
            rate_per_day=row.rate_per_day, rate_shape=shape, resupply_days=row.resupply_days,
            planned_share=row.planned_share, planned=True, demands=list(row.demands), arriving=[], failures=[],
            hand_set=None, stored_share=row.planned_share, stored_raise=1.0, stored_in_burst=False,
            case=None, case_state=None, standing_in=None, lent=0,
        )
        for row in answered.rows
    ]  # fmt: skip
    classes = [
        ClassFacts(
            code=each.service_class, target=each.target_fraction, floor=min(each.target_fraction, each.normal_dip),
            planned_service=each.planned_service, on_time_rate=each.on_time_rate, total_rate=each.total_rate,
        )
        for each in answered.classes
    ]  # fmt: skip
    return Facts(at=START, rows=rows, classes=classes, policy=policy, series=len(rows))


def _lives(facts: Facts, rates: Sequence[float], days: float, random: np.random.Generator) -> list[Failing]:
    """Failures of every row, Poisson."""
    return [
        Failing(START + timedelta(days=float(day)), number)
        for number, rate in zip(range(len(facts.rows)), rates, strict=True)
        for day in random.uniform(0, days, random.poisson(rate * days))
    ]


def _expedite(facts: Facts, subject: RowFacts, judgement: Judgement, under_way: int) -> list[Measure]:
    """Bring what is missing as late as the policy lets it."""
    missing = still_missing(facts, subject, judgement, under_way)
    return [Measure(quantity=missing, hours=facts.policy.restore_within_hours)] if missing else []


def _played(
    facts: Facts, failures: Sequence[Failing], days: float, *, row: int | None = None, acts: bool = False
) -> tuple[Played, dict[int, list[Look]]]:
    """What plan 2 opened, and every look it took, by row."""
    looks: dict[int, list[Look]] = defaultdict(list)

    def see(number: int, seen: Facts, subject: RowFacts, judgement: Judgement) -> None:
        share = on_time_share(subject.available, subject.rate_per_day, subject.resupply_days, judgement.row.inbound)
        looks[number].append(Look(seen.at, subject.available, share, judgement.in_burst))

    played = play(
        facts,
        failures,
        until=START + timedelta(days=days),
        choose=_expedite if acts else None,
        judged=None if row is None else {row},
        see=see,
    )
    return played, looks


def _at_or_below(reorder: int) -> Rule:
    return lambda look: look.available <= reorder


def _below(hold: float) -> Rule:
    return lambda look: look.share < hold


def _in_burst(look: Look) -> bool:
    return look.in_burst


def _calls(looks: dict[int, list[Look]], rule: Rule) -> list[Look]:
    """The looks at which a rule that did not hold for a row begins to."""
    found: list[Look] = []
    for seen in looks.values():
        held = False
        for look in seen:
            holds = rule(look)
            if holds and not held:
                found.append(look)
            held = holds
    return found


def _tuned(looks: dict[int, list[Look]], calls: int) -> tuple[int, float]:
    """The lowest reorder point and the lowest target, in hundredths, with at least so many calls."""
    reorder = next(pieces for pieces in range(-20, 99) if len(_calls(looks, _at_or_below(pieces))) >= calls)
    hold = next(share for share in range(101) if len(_calls(looks, _below(share / 100))) >= calls) / 100
    return reorder, hold


def _a_year(found: Sequence[object]) -> str:
    return f"{len(found) / YEARS:.1f}"


def _bursts(facts: Facts, rows: Sequence[int], times: int, reorder: int, hold: float) -> list[str]:
    """How plan 2 and the rules find bursts of rows of a kind: the same rows and lives whatever the factor."""
    began = START + timedelta(days=LIVED_DAYS)
    days = LIVED_DAYS + BURST_DAYS
    failed, found = 0, defaultdict[str, list[tuple[float | None, int]]](list)
    for number in range(BURSTS):
        random = np.random.default_rng((SEED, number))
        row = int(random.choice(rows))
        lives = _lives(facts, [each.rate_per_day for each in facts.rows], days, random)
        usual = [each for each in lives if each.row != row or each.at < began]
        rate = times * facts.rows[row].rate_per_day
        moments = [began + timedelta(days=day) for day in _bursting(rate, random)]
        failures = usual + [Failing(moment, row) for moment in moments]
        failed += len(moments)
        played, looks = _played(facts, failures, days, row=row)
        harmed = [failures[place].at for place in played.unserved if failures[place].row == row]
        seen = {
            "plan 2": [each.at for each in played.opened if each.row == row],
            "alarm": [look.at for look in looks[row] if look.in_burst],
            "reorder": [look.at for look in looks[row] if _at_or_below(reorder)(look)],
            "lower": [look.at for look in looks[row] if _at_or_below(reorder - 1)(look)],
            "hold": [look.at for look in looks[row] if _below(hold)(look)],
        }
        for rule, called in seen.items():
            after = min((at for at in called if at >= began), default=None)
            late = sum(began <= at and (after is None or at <= after) for at in harmed)
            found[rule].append((None if after is None else (after - began).total_seconds() / 86_400, late))
    return [f"{failed / BURSTS:.1f}", *(_told(found[rule]) for rule in ("plan 2", "alarm", "reorder", "lower", "hold"))]


def _bursting(rate: float, random: np.random.Generator) -> list[float]:
    """Days of a burst's failures; the same draws, only closer together, at a higher rate."""
    days = np.cumsum(random.exponential(1.0, int(3 * rate * BURST_DAYS) + 50)) / rate
    return days[days < BURST_DAYS].tolist()


def _told(found: Sequence[tuple[float | None, int]]) -> str:
    heard = [days for days, _ in found if days is not None]
    harmed = np.mean([late for _, late in found])
    days = f", day {np.mean(heard):.0f}" if heard else ""
    return f"{len(heard) / len(found):.0%}{days}, {harmed:.1f} harmed"
