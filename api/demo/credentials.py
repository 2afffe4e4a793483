"""The demo accounts and keys: kept beside the database they belong to, printed for everybody to try."""

import json
import os
from typing import Any

from api.settings import Settings

VENDOR_PORT_OFFSET = 90
"""The demo vendors answer this many ports above the service."""


def keep(settings: Settings, rows: list[dict[str, Any]]) -> None:
    """Keep the demo credentials where only this user can read them; none of them while the company is being loaded."""
    settings.state.mkdir(parents=True, exist_ok=True)
    descriptor = os.open(settings.state / "demo.json", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump({"vendor_port": settings.port + VENDOR_PORT_OFFSET, "credentials": rows}, file)


def loading_was_interrupted(settings: Settings) -> bool:
    """Whether a company was being loaded here and never was complete."""
    kept = _kept(settings)
    return bool(kept) and not kept["credentials"]


def _kept(settings: Settings) -> dict[str, Any]:
    path = settings.state / "demo.json"
    return json.loads(path.read_text()) if path.exists() else {}


def read(settings: Settings) -> list[dict[str, Any]]:
    """The demo credentials, one per role and depot; empty where there is no demo company."""
    return _kept(settings).get("credentials", [])


def vendor_port(settings: Settings) -> int:
    """Where the demo vendors answer."""
    return _kept(settings).get("vendor_port", settings.port + VENDOR_PORT_OFFSET)


def key_of(settings: Settings, role: str, depot: str | None = None) -> str:
    """The key of a role."""
    return next(row["api_key"] for row in read(settings) if row["role"] == role and depot in (None, row["depot"]))


def greeting(settings: Settings) -> str:
    """What `make run` prints for whoever wants to try."""
    rows = read(settings)
    people = "\n".join(
        f"    {row['role']:<20} {row['depot'] or '':<4} {row['username'] or '(system)':<24} "
        f"{row['password'] or '–':<18} {row['api_key']}"
        for row in rows
    )
    ticket = key_of(settings, "ticket_system")
    body = json.dumps(
        {
            "source": "glpi",
            "reference": "INC-20871/1",
            "device_serial": "R740-YUEWANGZ-001",
            "severity": "severe",
            "lines": [{"part_number": "ST12000NM0008", "quantity": 1}],
        }
    )
    burst = f"PORT={settings.port} .venv/bin/beijian demo burst"
    return (
        f"  The demo company 粤申维保 (fictional; only the drives' failure rates are real)\n\n"
        f"    {'role':<20} {'':<4} {'user':<24} {'password':<18} API key\n{people}\n\n"
        f"  Try it:\n    curl -s {settings.base_url}/api/v1/part-requests -H 'Authorization: Bearer {ticket}' "
        f"-H 'Content-Type: application/json' -d '{body}'\n\n"
        f"  Watch plan 2 at work: open {settings.base_url}/emergencies and run `{burst}`\n"
    )
