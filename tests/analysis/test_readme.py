"""The table of dispositions is the one users read: it must be whole."""

import re
from importlib import import_module
from pathlib import Path

import lazulite.analysis
from lazulite.analysis import Disposition

README = (Path(lazulite.analysis.__file__).parent / "README.md").read_text()


def test_every_disposition_has_one_row() -> None:
    rows = re.findall(r"^\| `([^`]+)` \|", README, re.MULTILINE)
    assert sorted(rows) == sorted(Disposition)


def test_every_function_it_names_exists() -> None:
    for module, function in re.findall(r"`(\w+)\.(\w+)`[,` ]*[|`]", README):
        assert callable(getattr(import_module(f"lazulite.analysis.{module}"), function))
