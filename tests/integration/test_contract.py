"""The API keeps its own description: no server error, no undocumented status, no answer of another shape."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

import pytest

from inventory.people import keys
from tests.services import served
from tests.world import SETUP

TAGS_OF_ROLE = {
    "dispatcher": ["parts", "devices", "failures", "contracts", "places", "part requests", "coverage"],
    "warehouse_keeper": [
        *("stock", "reservations", "receipts", "transfers", "papers", "labels", "places", "counts"),
        *("pick lists", "shipments", "provisional issues"),
    ],
    "buyer": ["vendors", "purchase orders", "invoices", "inquiries", "money"],
    "project_manager": ["emergency", "plans"],
    "administrator": ["platform", "stock", "imports", "attachments"],
}
"""Who calls what: each role where it may do most."""

NIGHTLY = os.environ.get("HYPOTHESIS_PROFILE") == "nightly"

PHASES = ("examples,coverage,fuzzing", "30") if NIGHTLY else ("examples,coverage", "1")
"""What is sent, and how many at random: every boundary of every field each time, more at random only by night."""

ROLES = TAGS_OF_ROLE if NIGHTLY else ("buyer",)
"""All of them by night: by day every route gets its junk in `test_junk` anyway."""

CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"


@pytest.mark.parametrize("role", ROLES)
async def test_whatever_is_sent_the_description_holds(own_company, tmp_path: Path, role):
    key = (await keys.make_key(keys.NewKey(name=role, role=role), by=SETUP)).secret
    with served(own_company, tmp_path) as url:
        run = await asyncio.to_thread(
            subprocess.run,
            [
                str(Path(sys.executable).parent / "schemathesis"),
                "run",
                f"{url}/docs/openapi.json",
                *("--header", f"Authorization: Bearer {key}"),
                *("--checks", CHECKS),
                *("--phases", PHASES[0]),
                *("--max-examples", PHASES[1]),
                *("--seed", "1"),
                *(argument for tag in TAGS_OF_ROLE[role] for argument in ("--include-tag", tag)),
                *("--suppress-health-check", "all"),
                "--no-color",
            ],
            capture_output=True,
            text=True,
            check=False,
            cwd=tmp_path,
        )

    assert run.returncode == 0, run.stdout[-8000:] + run.stderr[-2000:]
