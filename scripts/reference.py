"""Write the reference that can be read off the code: refusals, rights, schema, jobs, and the API's description.

.venv/bin/python scripts/reference.py [FOLDER]
"""

import importlib
import json
import pkgutil
import sys
from pathlib import Path

import api
import inventory
from api.app import create_app
from api.problems import status_of
from api.settings import Settings
from inventory.ground import errors, jobs
from inventory.ground.errors import InventoryError
from inventory.people.roles import RIGHTS, ROLE_NAMES, ROLES
from inventory.piccolo_app import FLOORS

REFERENCE = Path(__file__).parents[1] / "docs" / "reference"
HEAD = "<!-- Written by scripts/reference.py: change the code, then run `make reference`. -->\n\n"


def all_refusals() -> list[type[InventoryError]]:
    """Every refusal of the domain, by name."""
    for package in (inventory, api):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if ".migrations" not in module.name:
                importlib.import_module(module.name)
    found: set[type[InventoryError]] = set()
    pending = [InventoryError]
    while pending:
        pending += (children := pending.pop().__subclasses__())
        found.update(children)
    return sorted(found, key=lambda kind: kind.__name__)


def refusals() -> str:
    """What the service refuses, by the code of its problem document."""
    kinds = all_refusals()
    constraints_of: dict[type[InventoryError], list[str]] = {}
    for name, kind in errors.by_constraint().items():
        constraints_of.setdefault(kind, []).append(name)
    lines = [
        "# Refusals\n",
        "Every refusal is `application/problem+json` with this `code`. Words in braces are facts of the case.\n",
        "| code | status | English | 中文 | what helps | 如何处理 | constraint |",
        "|---|---|---|---|---|---|---|",
    ]
    for kind in kinds:
        refusal = kind()
        cells = [
            f"`{refusal.code}`",
            str(int(status_of(refusal))),
            " ".join((kind.__doc__ or "").split()),
            kind.zh,
            kind.help_en,
            kind.help_zh,
            ", ".join(f"`{name}`" for name in sorted(constraints_of.get(kind, []))),
        ]
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return HEAD + "\n".join(lines) + "\n"


def rights() -> str:
    """Who may do what."""
    lines = ["# Roles and rights\n", "| right | English | 中文 | " + " | ".join(ROLES) + " |"]
    lines.append("|---" * (3 + len(ROLES)) + "|")
    for right, (english, chinese) in RIGHTS.items():
        marks = " | ".join("●" if right in ROLES[role] else "" for role in ROLES)
        lines.append(f"| `{right}` | {english} | {chinese} | {marks} |")
    names = "\n".join(f"- `{role}`: {english}, {chinese}" for role, (english, chinese) in ROLE_NAMES.items())
    return HEAD + "\n".join(lines) + f"\n\n## Roles\n\n{names}\n"


def schema() -> str:
    """Every table with its columns and the facts that must hold."""
    parts = ["# Schema\n", "PostgreSQL 18. Each constraint's name says the fact that must hold.\n"]
    for floor in FLOORS:
        tables = [table for table in vars(floor).values() if getattr(table, "__module__", "") == floor.__name__]
        parts.append(f"## {floor.__name__.split('.')[1]}\n")
        for table in tables:
            meta = table._meta  # noqa: SLF001  Piccolo's own place for it
            parts.append(
                f"### {meta.tablename}\n\n{meta.help_text}.\n\n| column | type | may be empty |\n|---|---|---|"
            )
            parts += [
                f"| `{c._meta.db_column_name}` | {c.column_type.lower()} | {'yes' if c._meta.null else ''} |"  # noqa: SLF001
                for c in meta.columns
            ]
            facts = [f"- `{constraint._meta.name}`: `{constraint.ddl}`" for constraint in meta.constraints]  # noqa: SLF001
            parts.append("\n" + "\n".join(facts) + "\n" if facts else "")
    return HEAD + "\n".join(parts)


def work() -> str:
    """Every job of the queue."""
    kinds = sorted(jobs.Job.__subclasses__(), key=jobs.name_of)
    lines = [f"| `{jobs.name_of(kind)}` | {' '.join((kind.__doc__ or '').split())} |" for kind in kinds]
    return HEAD + "# Jobs\n\n| job | what it does |\n|---|---|\n" + "\n".join(lines) + "\n"


def openapi() -> str:
    """The API's description."""
    settings = Settings(database_url="postgresql://unused", secret="0" * 64)
    description = create_app(settings, own_pool=False).openapi_schema.to_schema()
    return json.dumps(description, indent=1, ensure_ascii=False) + "\n"


PAGES = {
    "refusals.md": refusals,
    "rights.md": rights,
    "schema.md": schema,
    "jobs.md": work,
    "openapi.json": openapi,
}


def write(folder: Path) -> None:
    """Write every page."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, page in PAGES.items():
        (folder / name).write_text(page())


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else REFERENCE)
