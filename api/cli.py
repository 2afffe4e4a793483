"""The `beijian` command: running the service, and using the mathematics on files without any database."""

import asyncio
import json
import signal
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from api import settings
from api.settings import SettingsError
from inventory.ground.errors import InventoryError

if TYPE_CHECKING:
    from inventory.stock.trails import Trail

INVALID, INFEASIBLE, TIMED_OUT = 2, 3, 4
"""Exit codes of the file commands, besides 0."""


def complain(message: str, code: int = 1) -> None:
    """Say what is wrong on one line and end."""
    click.echo(f"beijian: {message}", err=True)
    sys.exit(code)


@click.group()
@click.version_option(package_name="beijian")
def main() -> None:
    """Beijian 备件: spare parts that keep the promise of a service contract."""


def _run(act: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Run a coroutine; what it refuses is one line, not a traceback."""
    try:
        asyncio.run(act())
    except (InventoryError, SettingsError) as refusal:
        complain(str(refusal))


def _settings() -> settings.Settings:
    try:
        return settings.read()
    except SettingsError as wrong:
        complain(str(wrong))
        raise


@main.command()
def run() -> None:
    """Bring everything up on this machine: database, migrations, API, worker; Ctrl-C stops it all."""
    from api.supervisor import bring_up

    sys.exit(bring_up())


@main.command()
def serve() -> None:
    """Serve the API and the pages."""
    from api.server import serve as serve_forever

    serve_forever(_settings())


@main.command()
def work() -> None:
    """Run jobs."""
    import uvloop

    from api.worker import work as work_forever

    uvloop.run(work_forever(_settings()))


@main.command()
def migrate() -> None:
    """Bring the database up to date."""
    from api.supervisor import bring_up_to_date

    _run(lambda: bring_up_to_date(_settings()))


@main.command()
@click.option("--username", prompt=True, help="The administrator's user name.")
@click.option("--password", prompt=True, hide_input=True, confirmation_prompt=True, help="At least ten characters.")
@click.option("--company", default="Our company", show_default=True, help="Our own name.")
def init(username: str, password: str, company: str) -> None:
    """Make the first administrator of an empty database."""
    from inventory.ground import db
    from inventory.setup import begin

    async def act() -> None:
        async with db.connected(_settings().database_url, pool_size=2):
            await begin(username, password, company)
        click.echo(f"{username} may sign in at {_settings().base_url}")

    _run(act)


def _told(move: "Trail") -> str:
    """A movement behind a difference, on one line."""
    way = " → ".join(
        "/".join(filter(None, side)) for side in ((move.from_place, move.from_bin), (move.to_place, move.to_bin))
    )
    what = " ".join(filter(None, (f"{move.quantity} ×", move.serial or move.lot, move.document, move.reason)))
    return f"{move.occurred_at:%Y-%m-%d %H:%M:%SZ} {move.kind} {way} {what} by {move.actor} ({move.id})"


@main.command()
@click.option(
    "--seals",
    "copy_path",
    type=click.Path(dir_okay=False, exists=True, path_type=Path),
    help="A copy of the seals kept outside, as exported: every one of them must still be ours.",
)
def verify(copy_path: Path | None) -> None:
    """Run every check of the books, and tell the movements behind what differs; exit code 1 where something does.

    Says which seals of the ledger are the newest: note them down where nobody of the service can write.
    """
    from api.exchange.seals import read_copy
    from inventory.assurance import seals
    from inventory.assurance.invariants import INVARIANTS, violations
    from inventory.ground import db

    told = copy_path.read_text("utf-8-sig") if copy_path else ""

    async def act() -> None:
        copy = read_copy(told)
        async with db.connected(_settings().database_url, pool_size=2, statement_seconds=600):
            found = await violations()
            newest, foreign = await seals.newest(), await seals.differs_from(copy)
        for violation in found:
            click.echo(
                f"{violation.invariant}: {violation.what}: expected {violation.expected}, found {violation.found}"
            )
            for move in violation.movements:
                click.echo(f"    {_told(move)}")
        for seal in newest:
            click.echo(f"seal {seal.stream} {seal.number} {seal.sealed_at:%Y-%m-%d %H:%M:%SZ} {seal.chain}")
        if foreign:
            click.echo(f"the seal {foreign[0]} {foreign[1]} of the copy is not ours: the ledger was sealed anew")
        if found or foreign:
            complain(f"{len(found) + bool(foreign)} differences")
        if copy:
            click.echo(f"{len(copy)} seals of the copy are ours")
        click.echo(f"{len(INVARIANTS) + 1} invariants hold")

    _run(act)


@main.command()
@click.argument("network", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the plan file here.")
@click.option(
    "--check", "check_plan", type=click.Path(dir_okay=False, path_type=Path), help="Verify this plan file instead."
)
@click.option("--time-limit", type=click.FloatRange(min=0.01), default=600.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the plan file instead of a table.")
def plan(network: Path, output: Path | None, check_plan: Path | None, time_limit: float, *, as_json: bool) -> None:
    """Size the stock of a NETWORK file so that its service targets hold at least cost.

    Exit code 0: a plan; 2: the input is invalid; 3: no plan can hold; 4: time ran out (the best plan is written).
    """
    from api.files import check_plan_file, plan_file

    if check_plan is not None:
        sys.exit(check_plan_file(check_plan, network))
    sys.exit(plan_file(network, output, time_limit, as_json=as_json))


@main.command()
@click.argument("network", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("changes", type=click.Path(dir_okay=False, path_type=Path))
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), help="Write both plans and the comparison here."
)
@click.option("--time-limit", type=click.FloatRange(min=0.01), default=600.0, show_default=True, help="Seconds a plan.")
@click.option("--json", "as_json", is_flag=True, help="Print the comparison file instead of a table.")
def whatif(network: Path, changes: Path, output: Path | None, time_limit: float, *, as_json: bool) -> None:
    """Size a NETWORK as it is and under CHANGES (targets, budgets, lead times, devices, a closed depot), side by side.

    Exit codes as for `plan`, by the plan under the changes.
    """
    from api.files import what_if_file

    sys.exit(what_if_file(network, changes, output, time_limit, as_json=as_json))


@main.command()
@click.argument("situation", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write the answer here.")
@click.option("--time-limit", type=click.FloatRange(min=0.01), default=60.0, show_default=True, help="Seconds.")
@click.option("--json", "as_json", is_flag=True, help="Print the answer file instead of a table.")
def emergency(situation: Path, output: Path | None, time_limit: float, *, as_json: bool) -> None:
    """Choose what to buy and what to move in the SITUATION of an emergency, at least cost.

    Exit codes as for `plan`.
    """
    from api.files import emergency_file

    sys.exit(emergency_file(situation, output, time_limit, as_json=as_json))


@main.command()
@click.argument("plan_path", metavar="PLAN", type=click.Path(dir_okay=False, path_type=Path))
@click.argument("network", type=click.Path(dir_okay=False, path_type=Path))
@click.option("--years", type=click.FloatRange(min=0.1), default=200.0, show_default=True, help="Years to simulate.")
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same answer.")
def simulate(plan_path: Path, network: Path, years: float, seed: int) -> None:
    """Check a PLAN's promises against a discrete-event simulation of its NETWORK."""
    from api.files import simulate_file

    sys.exit(simulate_file(plan_path, network, years, seed))


@main.command()
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True, help="Where to write it.")
def openapi(output: Path) -> None:
    """Write the API's description (OpenAPI 3.1)."""
    from api.app import create_app
    from api.settings import Settings

    application = create_app(Settings(database_url="postgresql://unused", secret="0" * 64), own_pool=False)
    output.write_text(json.dumps(application.openapi_schema.to_schema(), indent=2, ensure_ascii=False) + "\n")


@main.group()
def demo() -> None:
    """The demo company and its drills."""


@demo.command()
def load() -> None:
    """Fill an empty database with the demo company and two years of its past."""
    from api.demo.load import load_company
    from inventory.ground import db

    async def act() -> None:
        configured = _settings()
        this = asyncio.current_task()
        if this is not None:
            asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, this.cancel)
        async with db.connected(configured.database_url, pool_size=4, durable=False):
            await load_company(configured, say=click.echo)

    try:
        _run(act)
    except asyncio.CancelledError:
        complain("the loading was stopped", 128 + signal.SIGTERM)


@demo.command()
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def credentials(*, as_json: bool) -> None:
    """Print the demo accounts and keys of each role."""
    from api.demo.credentials import read

    found = read(_settings())
    if not found:
        complain("there is no demo company here: `make run` makes one on an empty embedded database")
    if as_json:
        click.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    for row in found:
        click.echo(
            f"{row['role']:<20} {row['depot'] or '–':<6} {row['username']:<22} {row['password']}  {row['api_key']}"
        )


@demo.command()
@click.option("--port", type=int, default=8090, show_default=True)
def vendor(port: int) -> None:
    """Run the demo vendors' order service."""
    from api.demo.vendor import serve as serve_vendor

    serve_vendor(_settings(), port)


@demo.command()
@click.option("--part", default="ST12000NM0008", show_default=True, help="Which part fails.")
@click.option("--depot", default="GZ", show_default=True, help="Whose devices fail.")
@click.option("--failures", type=click.IntRange(1, 200), default=12, show_default=True, help="How many fail.")
@click.option("--pace", type=click.FloatRange(0, 60), default=1.0, show_default=True, help="Seconds between failures.")
def burst(part: str, depot: str, failures: int, pace: float) -> None:
    """Play a burst of failures through the public API and follow what the service does about it."""
    from api.demo.drill import play_burst

    sys.exit(asyncio.run(play_burst(_settings(), part=part, depot=depot, failures=failures, pace=pace, say=click.echo)))


if __name__ == "__main__":
    main()
