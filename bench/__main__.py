"""Run every benchmark and write docs/reference/bench.md; `python -m bench NAME` runs one and writes nothing."""

import platform
import sys
from datetime import UTC, datetime
from pathlib import Path

from bench import bursts, forecasts, imports, meter, month, movements, sizing, starts, truth
from bench.tables import Figures, table

PAGE = Path(__file__).parents[1] / "docs" / "reference" / "bench.md"

BENCHMARKS = {
    "bursts": bursts.run,
    "forecasts": forecasts.run,
    "imports": imports.run,
    "meter": meter.run,
    "month": month.run,
    "movements": movements.run,
    "sizing": sizing.run,
    "starts": starts.run,
    "truth": truth.run,
}


def main() -> None:
    """Run what was asked for."""
    wanted = sys.argv[1:] or list(BENCHMARKS)
    results: dict[str, Figures] = {}
    for name in wanted:
        print(f"# {name}", flush=True)
        results[name] = BENCHMARKS[name]()
        print(table(results[name]), flush=True)
    if not sys.argv[1:]:
        PAGE.write_text(_page(results))


def _page(results: dict[str, Figures]) -> str:
    head = (
        "# Measurements\n\n"
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}; {platform.machine()}, Python {platform.python_version()}, "
        "embedded PostgreSQL 18 with fsync on; client, service and database share the machine. "
        "Machines differ: ratios within one run count.\n"
    )
    return head + "".join(
        f"\n## {figures.title}\n\n{figures.about}\n\n{table(figures)}\n" for figures in results.values()
    )


if __name__ == "__main__":
    main()
