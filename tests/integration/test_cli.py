"""The `beijian` command: on files without any database, and on a database beside the service."""

import json
import subprocess
import sys
from pathlib import Path

import asyncpg
import pytest

from inventory.ground import db
from inventory.places import bins
from inventory.stock import placing
from inventory.stock.pieces import Pieces
from tests.conftest import run_as_superuser
from tests.services import free_port
from tests.world import DRIVE, SETUP

EXAMPLES = Path(__file__).parents[1] / "examples"


def beijian(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "api.cli", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        env={"PATH": "/usr/bin:/bin", **environment},
    )


def test_a_network_is_sized_written_and_verified(tmp_path):
    plan = tmp_path / "plan.json"
    made = beijian("plan", EXAMPLES / "network-small.json", "--output", plan)
    checked = beijian("plan", "--check", plan, EXAMPLES / "network-small.json")

    answer = json.loads(plan.read_text())
    assert (made.returncode, checked.returncode, checked.stdout.strip()) == (0, 0, "verified")
    assert (answer["status"], answer["cost_cny"]) == ("optimal", 48_800)
    assert answer["stock"] == {"PSU-750": {"GZ": 6, "SH": 5}, "MB-R740": {"GZ": 1, "SH": 1}}
    assert "48,800.00 CNY" in made.stdout


def test_a_spoiled_plan_does_not_verify(tmp_path):
    plan = tmp_path / "plan.json"
    beijian("plan", EXAMPLES / "network-small.json", "--output", plan)
    answer = json.loads(plan.read_text())
    answer["stock"]["PSU-750"]["GZ"] = 5
    plan.write_text(json.dumps(answer))

    checked = beijian("plan", "--check", plan, EXAMPLES / "network-small.json")
    assert (checked.returncode, "differs" in checked.stdout) == (1, True)


def test_a_what_if_stands_beside_the_plan(tmp_path):
    changes, answer = tmp_path / "changes.json", tmp_path / "answer.json"
    changes.write_text('{"targets": {"2h": 0.97}}')
    done = beijian("whatif", EXAMPLES / "network-small.json", changes, "--output", answer)
    printed = beijian("whatif", EXAMPLES / "network-small.json", changes, "--json")

    told = json.loads(answer.read_text())
    assert (done.returncode, printed.returncode) == (0, 0)
    assert told["comparison"]["cost_before_cny"] == 48_800 < told["comparison"]["cost_after_cny"]
    assert json.loads(printed.stdout)["comparison"] == told["comparison"]
    assert "48,800.00" in done.stdout


@pytest.mark.parametrize(
    ("changes", "code", "said"),
    [
        ('{"targets": {"9h": 0.97}}', 2, '$.targets["9h"]: no such id: 9h'),
        ("{}", 2, "$: nothing is changed"),
        ('{"target": {}}', 2, "unknown field"),
        ('{"total_budget_cny": 1000}', 3, ""),
    ],
)
def test_a_what_if_says_what_is_wrong_with_its_changes(tmp_path, changes, code, said):
    path = tmp_path / "changes.json"
    path.write_text(changes)
    done = beijian("whatif", EXAMPLES / "network-small.json", path)

    assert (done.returncode, said in done.stderr) == (code, True)


def test_an_emergency_is_answered(tmp_path):
    answer_path = tmp_path / "answer.json"
    done = beijian("emergency", EXAMPLES / "emergency-small.json", "--output", answer_path, "--json")

    answer = json.loads(answer_path.read_text())
    assert done.returncode == 0
    assert json.loads(done.stdout) == answer
    assert (answer["status"], answer["cost_cny"]) == ("optimal", 4_080)
    assert {"buy": "V1-expedite", "part": "PSU-750", "depot": "GZ", "qty": 1} in answer["plan"]


def test_a_plan_is_simulated(tmp_path):
    plan = tmp_path / "plan.json"
    beijian("plan", EXAMPLES / "network-small.json", "--output", plan)
    done = beijian("simulate", plan, EXAMPLES / "network-small.json", "--years", 400)

    classes = json.loads(done.stdout)["classes"]
    for result in classes.values():
        assert abs(result["simulated"] - result["promised"]) < 3 * result["half_width"]


def test_what_cannot_hold_is_said_with_its_own_exit_code(tmp_path):
    network = json.loads((EXAMPLES / "network-small.json").read_text())
    network["limits"] = {"total_budget_cny": 1000}
    path, plan = tmp_path / "network.json", tmp_path / "plan.json"
    path.write_text(json.dumps(network))

    done = beijian("plan", path, "--output", plan)
    answer = json.loads(plan.read_text())
    assert (done.returncode, answer["status"]) == (3, "infeasible")
    assert answer["reasons"]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"depots": 1}', '{"surprise": true}'])
@pytest.mark.parametrize("command", ["plan", "emergency"])
def test_a_file_that_is_wrong_is_named_in_one_line(tmp_path, command, content):
    path, output = tmp_path / "wrong.json", tmp_path / "out.json"
    path.write_text(content)

    done = beijian(command, path, "--output", output)
    assert done.returncode == 2
    assert done.stderr.startswith(f"beijian: {path}: $")
    assert len(done.stderr.splitlines()) == 1
    assert not output.exists()


def test_a_file_that_is_missing_is_named_in_one_line():
    done = beijian("plan", "/nowhere/network.json")

    assert (done.returncode, done.stderr) == (2, "beijian: /nowhere/network.json: No such file or directory\n")


async def test_the_books_are_verified_from_the_command_line(own_company, tmp_path):
    right = beijian("verify", DATABASE_URL=own_company, BEIJIAN_STATE=str(tmp_path))
    await db.execute("UPDATE level SET on_hand = on_hand + 1 WHERE on_hand = 10")
    wrong = beijian("verify", DATABASE_URL=own_company, BEIJIAN_STATE=str(tmp_path))

    assert (right.returncode, "invariants hold" in right.stdout) == (0, True)
    assert (wrong.returncode, "levels_are_the_ledgers_sum: FAN-2U @ GZ" in wrong.stdout) == (1, True)


DAMAGES = [
    (
        "DELETE FROM movement WHERE unit = (SELECT id FROM unit WHERE serial = 'ZL2-0001') AND kind = 'put_away'",
        "units_are_where_their_movements_left_them: ZL2-0001: expected GZ / good, found GZ / good / ",
        "adjustment ADJUSTMENT → GZ 1 × ZL2-0001 opening stock by service:setup",
    ),
    (
        "UPDATE lot_stock SET quantity = quantity + 1 WHERE quantity = 10",
        "lots_add_up_to_their_levels: FAN-2U @ GZ / good / common: expected 10, found 11",
        "adjustment ADJUSTMENT → GZ 10 × ",
    ),
    (
        "UPDATE movement SET quantity = 9 WHERE quantity = 10",
        "levels_are_the_ledgers_sum: FAN-2U @ GZ / good / common: expected 9, found 10",
        "adjustment ADJUSTMENT → GZ 9 × ",
    ),
]


@pytest.mark.parametrize(("damage", "difference", "behind"), DAMAGES)
async def test_what_differs_is_told_with_the_movements_behind_it(own_company, tmp_path, damage, difference, behind):
    await bins.enter_bins([bins.NewBin(place="GZ", code="A-01")], by=SETUP)
    await placing.put_away(Pieces("GZ", DRIVE, serials=["ZL2-0001"]), "A-01", by=SETUP)
    superuser = await asyncpg.connect(own_company.replace("//beijian@", "//postgres@"))
    await superuser.execute("SET session_replication_role = replica")  # no trigger guards the ledger from this session
    await superuser.execute(damage)
    await superuser.close()
    wrong = beijian("verify", DATABASE_URL=own_company, BEIJIAN_STATE=str(tmp_path))

    assert wrong.returncode == 1
    lines = wrong.stdout.splitlines()
    told = next(place for place, line in enumerate(lines) if line.startswith(difference))
    assert behind in lines[told + 1]


async def test_init_makes_the_first_administrator_of_an_empty_database(postgres, tmp_path):
    await run_as_superuser(postgres, "CREATE DATABASE empty OWNER beijian")
    here = {"DATABASE_URL": postgres.dsn("empty"), "BEIJIAN_STATE": str(tmp_path)}
    arguments = ("init", "--username", "root-admin", "--password", "a long password")

    migrated = beijian("migrate", **here)
    twice = beijian("migrate", **here)
    first, second = beijian(*arguments, **here), beijian(*arguments, **here)
    await run_as_superuser(postgres, "DROP DATABASE empty WITH (FORCE)")

    assert (migrated.returncode, twice.returncode) == (0, 0)
    assert (first.returncode, "root-admin may sign in" in first.stdout) == (0, True)
    assert (second.returncode, "already has a company" in second.stderr) == (1, True)


def test_without_a_database_commands_say_what_to_do(tmp_path):
    done = beijian("verify", BEIJIAN_STATE=str(tmp_path))

    assert done.returncode == 1
    assert "DATABASE_URL" in done.stderr


def test_no_demo_company_no_credentials(tmp_path):
    done = beijian("demo", "credentials", "--json", DATABASE_URL="postgresql://x", BEIJIAN_STATE=str(tmp_path))

    assert (done.returncode, "no demo company" in done.stderr) == (1, True)


def test_a_drill_where_nothing_answers_says_so(tmp_path):
    port, manager = free_port(), {"role": "project_manager", "depot": None, "api_key": "k"}
    (tmp_path / "demo.json").write_text(json.dumps({"credentials": [manager]}))

    told = beijian(
        *("demo", "burst"),
        BEIJIAN_STATE=str(tmp_path),
        PORT=str(port),
        DATABASE_URL="postgresql://nobody@localhost/none",
    )

    assert (told.returncode, told.stderr) == (1, "")
    assert f"nothing answers at http://127.0.0.1:{port}" in told.stdout
