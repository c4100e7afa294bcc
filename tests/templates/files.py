"""Template files in folders as others keep them: a template, its parameters, and what must be there before it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from lazulite.arm import jsonc

HERE = Path(__file__).parents[2]
AT_HAND = (
    HERE / "tests/arm/deployments/templates",
    HERE / "src/lazulite/cli/demo",
    HERE / "tests/clients",
    HERE.parent / "shared/data/quickstarts",
)
"""The project's own, and those that others wrote, where a checkout has them beside it."""
_SCHEMA = "deploymenttemplate.json"
_PREREQUISITE, _NAMED_OUTPUT = "prereq", "GET-PREREQ-"


class Template(msgspec.Struct, frozen=True):
    """A template as it stands in a file: ``text`` is what is deployed, ``document`` what it says."""

    path: Path
    text: str
    document: Mapping[str, Any]
    given: Mapping[str, Any]
    """The ``parameters`` member of its parameters file."""
    before: Template | None = None
    """A template to be deployed before it; its outputs are named in the parameters as ``GET-PREREQ-name``."""

    @property
    def name(self) -> str:
        return self.path.parent.name if self.path.stem in ("azuredeploy", "mainTemplate") else self.path.stem

    @property
    def of_a_subscription(self) -> bool:
        return "subscriptiondeploymenttemplate" in str(self.document.get("$schema")).lower()

    @property
    def wanting(self) -> bool:
        """Whether its parameters name outputs of a template that is not there."""
        named = [v.get("value") for v in self.given.values() if isinstance(v, Mapping)]
        return self.before is None and any(str(value).startswith(_NAMED_OUTPUT) for value in named)

    @property
    def linked(self) -> bool:
        return '"templatelink"' in self.text.lower()


def found(folder: Path) -> Iterator[Template]:
    """Every template in *folder* and below, but for those that another one links to or needs before it."""
    for path in sorted(folder.rglob("*.json")) if folder.is_dir() else [folder]:
        template = read(path)
        if template is not None and not _part_of_another(path):
            yield template


def read(path: Path) -> Template | None:
    """The template in that file; ``None`` when it holds none."""
    text = path.read_text("utf-8-sig", errors="replace")
    document = _decoded(text)
    if not isinstance(document, dict) or _SCHEMA not in str(document.get("$schema")).lower():
        return None
    return Template(path, text, document, _parameters(path), _before(path))


def _decoded(text: str) -> Any:
    try:
        return jsonc.decode(text.encode())
    except ValueError:
        return None


def _parameters(path: Path) -> Mapping[str, Any]:
    for name in (f"{path.stem}.parameters.json", "azuredeploy.parameters.json", "parameters.json"):
        file = path.with_name(name)
        if file.is_file() and name.removesuffix(".parameters.json") in (path.stem, "parameters.json"):
            document = _decoded(file.read_text("utf-8-sig"))
            return dict(document.get("parameters") or {}) if isinstance(document, dict) else {}
    return {}


def _before(path: Path) -> Template | None:
    candidates = sorted(path.parent.glob(f"{_PREREQUISITE}s/{_PREREQUISITE}.azuredeploy.json"))
    return read(candidates[0]) if candidates else None


def _part_of_another(path: Path) -> bool:
    """Whether a folder above holds the template that this one is a piece of."""
    if path.stem in ("azuredeploy", "mainTemplate"):
        return False
    beside = [path.parent, *list(path.parents)[1:4]]
    return any((folder / "azuredeploy.json").is_file() for folder in beside)
