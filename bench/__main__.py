"""Run every benchmark, or those named, and write their figures into docs/reference/bench.md."""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import (
    bursts,
    cases,
    choosing,
    forecasts,
    imports,
    lateral,
    many_lines,
    meter,
    month,
    movements,
    peers,
    radar,
    replenishment,
    simulation,
    sizing,
    starts,
    truth,
)
from bench.tables import Figures, table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "bench.md"

BENCHMARKS = {
    "bursts": bursts.run,
    "cases": cases.run,
    "choosing": choosing.run,
    "forecasts": forecasts.run,
    "imports": imports.run,
    "lateral": lateral.run,
    "many_lines": many_lines.run,
    "meter": meter.run,
    "month": month.run,
    "movements": movements.run,
    "radar": radar.run,
    "replenishment": replenishment.run,
    "simulation": simulation.run,
    "sizing": sizing.run,
    "starts": starts.run,
    "truth": truth.run,
}

BY_NAME_ONLY = {"peers": peers.run}
"""These take others' minutes and gigabytes."""


def main() -> None:
    """Run what was asked for; sections of other benchmarks stay as they were measured."""
    for name in sys.argv[1:] or list(BENCHMARKS):
        print(f"# {name}", flush=True)
        figures = (BENCHMARKS | BY_NAME_ONLY)[name]()
        print(table(figures), flush=True)
        PAGE.write_text(_page({**_sections(), figures.title: _section(figures)}))


def _sections() -> dict[str, str]:
    """The sections of the page as it stands, by title."""
    _, *sections = PAGE.read_text().split("\n## ")
    return {section.partition("\n")[0]: section.partition("\n")[2].strip() for section in sections}


def _section(figures: Figures) -> str:
    return f"{figures.about} Measured on {datetime.now(UTC):%Y-%m-%d}.\n\n{table(figures)}"


def _page(sections: dict[str, str]) -> str:
    head = (
        "# Measurements\n\n"
        f"Written by `make bench`; {platform.machine()}, Python {platform.python_version()}, "
        "embedded PostgreSQL 18 with fsync on; client, service and database share the machine. "
        "Machines differ: ratios within one run count.\n"
    )
    return head + "".join(f"\n## {title}\n\n{text}\n" for title, text in sorted(sections.items()))


if __name__ == "__main__":
    main()
