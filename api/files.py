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
