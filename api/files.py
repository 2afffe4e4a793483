"""The commands on files: the mathematics without any database, for scripts and for people."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TypeVar

import click
import msgspec
from rich.console import Console
from rich.table import Table

from optimizer import network as network_file
from optimizer import plan as plans
from optimizer import situation as situation_file
from optimizer.certificate import check
from optimizer.emergency import Answer, choose
from optimizer.errors import InvalidInput, OptimizerError
from optimizer.plan import Plan
from optimizer.simulate_network import simulate
from optimizer.situation import Action, Purchase
from optimizer.sizing import size
from optimizer.whatif import Comparison, changed, compare, read_changes

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
    console = Console(stderr=True)
    try:
        read = _read(network, network_file.read)
        with console.status("sizing") as status, ThreadPoolExecutor() as threads:
            plan = size(
                read,
                time_limit_s=time_limit_s,
                executor=threads,
                progress=lambda step, gap: status.update(f"{step}, gap {gap:.2e}"),
            )
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    _hand_over(plans.write_plan(plan), output, as_json=as_json)
    if not as_json:
        _print_plan(plan)
    return EXIT_CODE[plan.status]


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
    console = Console(stderr=True)
    try:
        read, asked = _read(network, network_file.read), _read(changes, read_changes)
        other = _read(changes, lambda _: changed(read, asked))
        with console.status("sizing") as status:

            def progress(step: str, gap: float) -> None:
                status.update(f"{step}, gap {gap:.2e}")

            before = size(read, time_limit_s=time_limit_s, progress=progress)
            after = size(other, time_limit_s=time_limit_s, progress=progress)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    compared = compare(read, before, other, after)
    content = {"before": before, "after": after, "comparison": compared}
    _hand_over(msgspec.json.format(msgspec.json.encode(content), indent=2) + b"\n", output, as_json=as_json)
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
    _hand_over(msgspec.json.format(msgspec.json.encode(answer), indent=2) + b"\n", output, as_json=as_json)
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


def simulate_file(plan: Path, network: Path, years: float, seed: int) -> int:
    """Check a plan's promises against a simulation of its network. Returns the exit code."""
    try:
        read, made = _read(network, network_file.read), _read(plan, plans.read_plan)
        with Console(stderr=True).status("simulating"):
            report = simulate(made, read, years=years, seed=seed)
    except (_Unreadable, OptimizerError) as wrong:
        return _complain(wrong)
    click.echo(msgspec.json.format(msgspec.json.encode(report), indent=2).decode())
    return DONE
