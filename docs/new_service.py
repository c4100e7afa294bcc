"""``script/new-service NAME``: a small room that works, to be grown into a service."""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent

_FILES = {
    "src/lazulite/services/{name}/__init__.py": '''"""{title}: what it is for, in one line."""

from lazulite.services.{name}.compile import compile_resource
from lazulite.services.{name}.model import KINDS, {model}
from lazulite.services.{name}.validate import validate
from lazulite.services.service import Service

SERVICE = Service("{name}", KINDS, validate=validate, compile={{{model}: compile_resource}})
''',
    "src/lazulite/services/{name}/model.py": '''"""``{kind}``, API 2024-05-01."""

from __future__ import annotations

from typing import Annotated

from lazulite.resources.model import READ_ONLY, Kind, Properties


class {model}(Properties, frozen=True):
    provisioning_state: Annotated[str | None, READ_ONLY] = None


KINDS = (Kind("{kind}", {model}),)
''',
    "src/lazulite/services/{name}/validate.py": '''"""What Azure refuses of it."""

from __future__ import annotations

from collections.abc import Iterable

from lazulite.resources.model import Resource, Violation
from lazulite.resources.view import View
from lazulite.services.{name}.model import {model}
from lazulite.services.service import Lab


def validate(resource: Resource[{model}], view: View, lab: Lab) -> Iterable[Violation]:
    return ()
''',
    "src/lazulite/services/{name}/compile.py": '''"""What it means for packets."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from lazulite.resources.model import Resource
from lazulite.resources.view import View
from lazulite.services.{name}.model import {model}


def compile_resource(resource: Resource[{model}], view: View) -> Iterable[Any]:
    """Total: a dangling reference compiles to the closed behaviour, never to an exception."""
    return ()
''',
    "src/lazulite/services/{name}/README.md": """# {title}
One sentence.

## What it does to a packet

## Resources and properties

## Example

## Deviations from Azure

## How it is realised
""",
    "tests/services/test_{name}.py": """from __future__ import annotations

from lazulite.resources.ids import ResourceId
from lazulite.resources.model import Resource
from lazulite.resources.view import View, snapshot_of
from lazulite.services.{name} import SERVICE
from lazulite.services.{name}.model import {model}
from lazulite.services.service import Lab

ID = ResourceId("/subscriptions/s/resourceGroups/g/providers/{kind}/x")


def test_the_smallest_one_is_valid() -> None:
    made = Resource(ID, {model}())
    assert list(SERVICE.validate(made, View(snapshot_of([made])), Lab())) == []
""",
}


def main() -> int:
    """0 when the room stands, 2 for a name that is none or taken."""
    name = sys.argv[1] if len(sys.argv) == 2 else ""
    if not re.fullmatch(r"[a-z]+(_[a-z]+)*", name):
        print("usage: script/new-service NAME    (Azure's singular resource name in snake_case)", file=sys.stderr)
        return 2
    if (ROOT / "src/lazulite/services" / name).exists():
        print(f"there is a room {name} already", file=sys.stderr)
        return 2
    for path, text in scaffold(name).items():
        (ROOT / path).parent.mkdir(parents=True, exist_ok=True)
        (ROOT / path).write_text(text)
        print(f"wrote {path}")
    print(f"next: add {name.upper()} to SERVICES in src/lazulite/services/__init__.py")
    return 0


def scaffold(name: str) -> dict[str, str]:
    """The files of the room *name*, by path."""
    words = name.split("_")
    model = "".join(w.capitalize() for w in words)
    values = {
        "name": name,
        "model": model,
        "title": " ".join(words).capitalize(),
        "kind": f"Microsoft.Network/{model[0].lower()}{model[1:]}s",
    }
    return {path.format(**values): text.format(**values) for path, text in _FILES.items()}


if __name__ == "__main__":
    sys.exit(main())
