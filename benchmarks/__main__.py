"""``script/bench [NAME…]``: runs benchmarks, shows what they found beside the goals, and keeps it."""

from __future__ import annotations

import sys
from pathlib import Path

from rich.console import Console

from benchmarks import result
from benchmarks.table import BENCHMARKS
from lazulite.agent.collecting import collect_seldom

OUTPUT = Path("build/bench.json")


def main(names: list[str]) -> int:
    """Exit code 2 for a name there is no benchmark of."""
    console = Console()
    unknown = [name for name in names if name not in BENCHMARKS]
    if unknown:
        console.print(f"There is no benchmark {unknown[0]!r}; there are: {', '.join(BENCHMARKS)}.")
        return 2
    collect_seldom()  # as the controller does
    for name in names or BENCHMARKS:
        with console.status(f"measuring {name}"):
            part = list(BENCHMARKS[name]())
        result.show(console, part)
        result.write(OUTPUT, part)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
