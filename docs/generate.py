"""``python -m docs.generate [--check]``."""

from __future__ import annotations

import sys
from pathlib import Path

from docs import coverage, promises

HERE = Path(__file__).parent


def main() -> int:
    """Write every generated document; with ``--check`` only say which are out of date (1) or that none is (0)."""
    documents = {HERE / "coverage.md": coverage.text(), HERE / "promises.md": promises.text()}
    stale = [path for path, text in documents.items() if not path.exists() or path.read_text() != text]
    for path in stale:
        if "--check" in sys.argv:
            print(f"{path.name} is out of date: script/docs", file=sys.stderr)
        else:
            path.write_text(documents[path])
    return int(bool(stale) and "--check" in sys.argv)


if __name__ == "__main__":
    sys.exit(main())
