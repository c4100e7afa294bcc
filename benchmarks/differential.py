"""The differential test at length: model and packets on many random networks."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks.result import Goal, Result, alone

SEEDS = 1000
_TEST = "tests/packets/test_model_agrees.py"


def differential() -> Iterator[Result]:
    """Networks on which a packet did not do what the model says; ``LAZULITE_SEEDS`` changes how many are tried."""
    seeds = int(os.environ.get("LAZULITE_SEEDS", SEEDS))
    began = time.monotonic()
    words = [sys.executable, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider", _TEST]
    environment = os.environ | {"LAZULITE_SEEDS": str(seeds)}
    done = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    counts = {word: int(n) for n, word in re.findall(r"(\d+) (passed|failed|error)", done.stdout[-2000:])}
    failed = counts.get("failed", 0) + counts.get("error", 0)
    if failed + counts.get("passed", 0) != seeds:
        raise RuntimeError(done.stdout[-1000:] + done.stderr[-1000:])
    lines = re.findall(r"^E   .*(?:model|packet).*$", done.stdout, re.MULTILINE)
    verdicts = seeds * _probes()
    note = f"{verdicts:,} verdicts in {time.monotonic() - began:.0f} s" + "".join(f"\n{line}" for line in lines[:5])
    yield alone(
        f"networks of {seeds:,} where packets disagree with the model", [failed], "networks", Goal(0, "ours"), note
    )


def _probes() -> int:
    """Verdicts a network."""
    from tests.packets.test_model_agrees import PROBES

    return PROBES
