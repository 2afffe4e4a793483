"""The commands on files: the mathematics without any database, for scripts and for people."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click
import msgspec
from rich.console import Console
from rich.progress import Progress
from rich.table import Table
from rich.text import Text

from optimizer import network as network_file
from optimizer import plan as plans
from optimizer import situation as situation_file
from optimizer.certificate import check
from optimizer.emergency import Answer, choose
from optimizer.errors import InvalidInput, OptimizerError
from optimizer.files import encode
from optimizer.network import Network
from optimizer.plan import Plan
from optimizer.situation import Action, Purchase
from optimizer.sizing import size
from optimizer.whatif import Comparison, changed, compare, read_changes

if TYPE_CHECKING:
    from optimizer.simulate_network import Burst, Simulation

T = TypeVar("T")

DONE, DIFFERS, INVALID, INFEASIBLE, TIMED_OUT = 0, 1, 2, 3, 4
"""Exit codes that scripts can use."""

EXIT_CODE = {"optimal": DONE, "feasible": DONE, "infeasible": INFEASIBLE, "timed_out": TIMED_OUT}


class _Unreadable(Exception):
    """A file that cannot be read as what it should be; the message says where and why."""


def _read[T](path: Path, reader: Callable[[bytes], T]) -> T:
    try:
        return reader(path.read_bytes())
    except OSError as error:
        raise _Unreadable(f"{path}: {error.strerror}") from None
    except InvalidInput as wrong:
        raise _Unreadable(f"{path}: {wrong}") from None


def _complain(wrong: Exception) -> int:
    click.echo(f"beijian: {wrong}", err=True)
    return INVALID


def plan_file(network: Path, output: Path | None, time_limit_s: float, *, as_json: bool) -> int:
    """Size a network file; write and print the plan. Returns the exit code."""
    try:
        read = _read(network, network_file.read)
        (plan,) = _sized(read, time_limit_s=time_limit_s)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    _hand_over(plans.write_plan(plan), output, as_json=as_json)
    if not as_json:
        _print_plan(plan)
    return EXIT_CODE[plan.status]


def _sized(*networks: Network, time_limit_s: float) -> list[Plan]:
    """The plans for some networks, one after the other, each within the limit; the screen shows how far it is."""
    with Console(stderr=True).status("sizing") as status, ThreadPoolExecutor() as threads:
        return [
            size(
                network,
                time_limit_s=time_limit_s,
                executor=threads,
                progress=lambda step, gap: status.update(f"{step}, gap {gap:.2e}"),
            )
            for network in networks
        ]


def _hand_over(content: bytes, output: Path | None, *, as_json: bool) -> None:
    if output is not None:
        output.write_bytes(content)
    if as_json:
        click.echo(content.decode(), nl=False)


def _print_plan(plan: Plan) -> None:
    console = Console()
    console.print(f"[bold]{plan.status}[/] ({plan.proof}) in {plan.seconds:.2f} s, {plan.peak_memory_mb:.0f} MB")
    for reason in plan.reasons:
        console.print(f"  {reason}", markup=False)
    if plan.cost_cny is None:
        return
    console.print(f"cost {plan.cost_cny:,.2f} CNY, lower bound {plan.lower_bound_cny:,.2f}, gap {plan.gap:.2e}")
    services = Table("class", "service", box=None)
    for name, service in plan.service.items():
        services.add_row(name, f"{service:.5f}")
    console.print(services)
    depots = sorted({depot for stock in plan.stock.values() for depot in stock})
    table = Table("part", *depots, box=None)
    for part, stock in plan.stock.items():
        table.add_row(part, *(str(stock[depot]) if depot in stock else "" for depot in depots))
    console.print(table)


def what_if_file(network: Path, changes: Path, output: Path | None, time_limit_s: float, *, as_json: bool) -> int:
    """Size a network file as it is and under changed assumptions; write and print both. Returns the exit code."""
    try:
        read, asked = _read(network, network_file.read), _read(changes, read_changes)
        other = _read(changes, lambda _: changed(read, asked))
        before, after = _sized(read, other, time_limit_s=time_limit_s)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    compared = compare(read, before, other, after)
    content = {"before": before, "after": after, "comparison": compared}
    _hand_over(encode(content), output, as_json=as_json)
    if not as_json:
        _print_comparison(compared)
    return EXIT_CODE[after.status]


def _cny(amount: float | None) -> str:
    return "–" if amount is None else f"{amount:,.2f}"


def _print_comparison(compared: Comparison) -> None:
    console = Console()
    console.print(f"as it is [bold]{compared.status_before}[/], under the changes [bold]{compared.status_after}[/]")
    for reason in compared.reasons:
        console.print(f"  {reason}", markup=False)
    figures = Table("", "as it is", "under the changes", "if nobody acted", box=None)
    figures.add_row("cost, CNY", _cny(compared.cost_before_cny), _cny(compared.cost_after_cny), "")
    figures.add_row("at least, CNY", _cny(compared.lower_bound_before_cny), _cny(compared.lower_bound_after_cny), "")
    figures.add_row("units", str(compared.units_before), str(compared.units_after), "")
    for each in compared.classes:
        left = (compared.service_of_before or {}).get(each.service_class)
        shown = ("–" if share is None else f"{share:.5f}" for share in (each.service_before, each.service_after, left))
        figures.add_row(f"service {each.service_class}", *shown)
    console.print(figures)
    if compared.rows:
        table = Table("part", "depot", "as it is", "under the changes", "CNY", box=None)
        for row in compared.rows:
            table.add_row(row.part, row.depot, str(row.before), str(row.after), f"{row.cost_cny:+,.2f}")
        console.print(table)


def check_plan_file(plan: Path, network: Path) -> int:
    """Verify a plan file against its network, independently of how it was made. Returns the exit code."""
    try:
        read, made = _read(network, network_file.read), _read(plan, plans.read_plan)
        differences = check(made, read)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    for difference in differences:
        click.echo(difference)
    click.echo("differs" if differences else "verified")
    return DIFFERS if differences else DONE


def emergency_file(situation: Path, output: Path | None, time_limit_s: float, *, as_json: bool) -> int:
    """Choose measures for an emergency file; write and print the answer. Returns the exit code."""
    console = Console(stderr=True)
    try:
        read = _read(situation, situation_file.read)
        with console.status("choosing"):
            answer = choose(read, time_limit_s=time_limit_s)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    _hand_over(encode(answer), output, as_json=as_json)
    if not as_json:
        _print_answer(answer)
    return EXIT_CODE[answer.status]


def _words(action: Action) -> str:
    if isinstance(action, Purchase):
        return f"buy {action.qty} × {action.part} by {action.buy} for {action.depot}"
    return f"move {action.qty} × {action.part} {action.move}"


def _print_answer(answer: Answer) -> None:
    cost = "" if answer.cost_cny is None else f", cost {answer.cost_cny:,.2f} CNY"
    click.echo(f"{answer.status}{cost}")
    for line in (*answer.reasons, *(_words(action) for action in answer.plan)):
        click.echo(f"  {line}")
    if answer.least_shortage is not None:
        click.echo(f"least shortage: {answer.least_shortage.units} units, {answer.least_shortage.cost_cny:,.2f} CNY")
        for action in answer.least_shortage.plan:
            click.echo(f"  {_words(action)}")
    for point in answer.front:
        actions = "; ".join(_words(action) for action in point.plan)
        click.echo(f"by hour {point.last_needed_arrival_hours:g}: {point.cost_cny:,.2f} CNY: {actions or 'nothing'}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Playing:
    """How a plan is to be played."""

    years: float | None
    half_width: float
    seed: int
    lead_time: str | None
    observed: Path | None
    bursts: Sequence[str]
    against: Path | None


def simulate_file(plan: Path, network: Path, how: Playing, *, as_json: bool) -> int:
    """Check a plan's promises against a simulation of its network. Returns the exit code."""
    from optimizer.observations import read_lead_times  # noqa: PLC0415
    from optimizer.simulate_network import simulate, years_for  # noqa: PLC0415

    try:
        read, made = _read(network, network_file.read), _read(plan, plans.read_plan)
        given: dict[str, Any] = {
            "seed": how.seed,
            "lead_time": how.lead_time or ("exponential" if read.policy.lateral else "fixed"),
            "bursts": [_burst(text) for text in how.bursts],
        }
        if how.observed is not None:
            given |= {"lead_time": "measured", "observed": _read(how.observed, read_lead_times)}
        against = None if how.against is None else _read(how.against, plans.read_plan)
        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task("simulating", total=1.0)
            years = how.years or years_for(made, read, how.half_width, **given)
            found = simulate(
                made,
                read,
                years=years,
                against=against,
                progress=lambda share: bar.update(task, completed=share),
                **given,
            )
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    if as_json:
        click.echo(encode(found).decode(), nl=False)
    else:
        _print_simulation(found)
    known = [each for each in found.classes.values() if each.simulated is not None]
    # three standard errors: of several classes one is two off now and then
    low = any((each.simulated or 0) + 1.5 * (each.half_width or 0) < (each.target or 0) for each in known)
    return DIFFERS if low else DONE


def _burst(text: str) -> "Burst":
    """A burst from its words, `part=PSU-750,factor=3,days=14`."""
    from optimizer.simulate_network import Burst  # noqa: PLC0415

    words = dict(word.partition("=")[::2] for word in text.split(","))
    try:
        return msgspec.convert(words, Burst, strict=False)
    except msgspec.ValidationError as wrong:
        raise InvalidInput("--burst", f"{text}: {wrong}") from None


def _print_simulation(found: "Simulation") -> None:
    console = Console()
    calls = sum(result.calls for result in found.classes.values())
    console.print(
        f"{calls:,} calls in {found.years:,.0f} years, {found.replications} histories, {found.lead_time} lead times"
    )
    table = Table("class", "target", "promised", "simulated", "±", "mean hours", "calls", box=None)
    for name, result in found.classes.items():
        figures = (result.target, result.promised, result.simulated, result.half_width)
        table.add_row(
            Text(name),
            *map(_share, figures),
            "–" if result.mean_hours is None else f"{result.mean_hours:.2f}",
            f"{result.calls:,}",
        )
    console.print(table)
    if found.against:
        beside = Table("class", "other plan", "difference", "±", box=None)
        for name, other in found.against.items():
            beside.add_row(Text(name), *map(_share, (other.other, other.difference, other.half_width)))
        console.print(beside)


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.5f}"


def replay_file(plan: Path, network: Path, past: Path, *, as_json: bool) -> int:
    """Tell which failures of the past a plan would have served in time. Returns the exit code."""
    from optimizer.observations import read_failures  # noqa: PLC0415
    from optimizer.replay import replay  # noqa: PLC0415

    try:
        read, made = _read(network, network_file.read), _read(plan, plans.read_plan)
        failures = _read(past, read_failures)
        found = replay(made.stock, read, failures)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    if as_json:
        misses = [{**msgspec.to_builtins(failures[miss.failure]), "hours": miss.hours} for miss in found.misses]
        document = {"classes": msgspec.to_builtins(found.classes), "misses": misses}
        click.echo(encode(document).decode(), nl=False)
    else:
        table = Table("class", "target", "in time", "calls", "share", box=None)
        for name, of in found.classes.items():
            table.add_row(Text(name), _share(of.target), f"{of.on_time:,}", f"{of.calls:,}", _share(of.share))
        Console().print(table)
        for miss in found.misses:
            late = failures[miss.failure]
            hours = "not stocked there" if miss.hours is None else f"on site after {miss.hours:,.1f} h"
            click.echo(f"{late.occurred_at:%Y-%m-%d %H:%M} {late.part} {late.depot} {late.sla_class}: {hours}")
    low = (of for of in found.classes.values() if of.share is not None and of.share < (of.target or 0))
    return DIFFERS if any(low) else DONE
