"""Random requests made from the declarations of every type: mostly right, now and then wrong in one place."""

from __future__ import annotations

import random
from collections.abc import Callable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Any

from lazulite.resources.model import Kind
from lazulite.resources.schema import FieldSpec, Shape, fields
from lazulite.services import SERVICES
from tests.arm.test_every_type import ADDRESSES, GLOBAL, NETWORKS, SOUND, ZONES

KINDS = [k for s in SERVICES for k in s.kinds if k.name.count("/") == 1]
NAMES = ("aaa", "bbb", "a", "b", "x")
_TEXTS = ("", "*", "80", "80-90", "Tcp", "VirtualNetwork", "Internet", "10.0.0.0/24", "Standard", "x" * 300, "é\u0000")
_WRONG: tuple[Any, ...] = (None, True, -1, 70000, 1.5, "?", [], {}, [{}], {"id": 7}, "\ud7ff", 10**30)
_VERSIONS = {IPv4Address: 4, IPv4Network: 4, IPv6Address: 6, IPv6Network: 6}


class Declared:
    """Bodies and paths below one resource group, drawn with *rng*. One value in *fault* is wrong."""

    def __init__(self, rng: random.Random, group: str, fault: int) -> None:
        self._rng, self._group, self._fault = rng, group, fault
        self.targets = [self.path(kind) for kind in KINDS]
        self.targets += [f"{self.path(_kind('virtualNetworks'))}/subnets/{name}" for name in ("a", "b")]

    def kind(self) -> Kind:
        return self._rng.choice(KINDS)

    def path(self, kind: Kind, name: str = "aaa") -> str:
        if kind.of_subscription:
            return f"{self._group.partition('/resourceGroups/')[0]}/providers/{kind.name}/default"
        return f"{self._group}/providers/{kind.name}/{named(kind.name, name)}"

    def body(self, kind: Kind) -> dict[str, Any]:
        """A whole resource: what is sound for the type, with up to three properties drawn anew."""
        properties = self.sound(kind)
        specs = [s for s in fields(kind.model).values() if not s.ignored_on_input]
        for spec in self._rng.sample(specs, min(len(specs), self._rng.randint(0, 3))):
            properties[spec.wire] = self._member(spec)
        return {"location": location(kind), "properties": properties}

    def sound(self, kind: Kind) -> dict[str, Any]:
        return self._moved(SOUND.get(kind.name, {}))

    def child(self, spec: FieldSpec) -> dict[str, Any]:
        """The body of a child at its own path."""
        assert spec.shape.item is not None
        return {"properties": self._object(spec.shape.item.python)}

    def _moved(self, value: Any) -> Any:
        """*value* with its ids in this group."""
        if isinstance(value, dict):
            return {k: self._moved(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._moved(v) for v in value]
        marker = "/providers/"
        return self._group + marker + value.split(marker)[1] if isinstance(value, str) and marker in value else value

    def _object(self, model: Any) -> dict[str, Any]:
        specs = [s for s in fields(model).values() if not s.ignored_on_input]
        return {s.wire: self._member(s) for s in specs if s.required or self._rng.random() < 0.4}

    def _member(self, spec: FieldSpec) -> Any:
        if self._rng.randrange(self._fault) == 0:
            return self._rng.choice(_WRONG)
        if spec.bounds is not None and spec.shape.kind == "int":
            return self._rng.randint(spec.bounds.low, spec.bounds.high)
        return self._value(spec.shape)

    def _value(self, shape: Shape) -> Any:
        if shape.kind in ("address", "network"):
            version = _VERSIONS.get(shape.python)
            found = ADDRESSES if shape.kind == "address" else NETWORKS
            return self._rng.choice([a for a in found if version is None or (":" in a) == (version == 6)])
        return self._makers()[shape.kind](shape)

    def _makers(self) -> dict[str, Callable[[Shape], Any]]:
        choice = self._rng.choice
        return {
            "literal": lambda shape: choice(shape.choices),
            "model": lambda shape: self._object(shape.python),
            "child": lambda shape: {"name": choice(NAMES), "properties": self._object(shape.python)},
            "list": lambda shape: [self._value(shape.item) for _ in range(self._rng.randint(0, 2)) if shape.item],
            "ref": lambda shape: self._reference(shape),
            "str": lambda shape: choice(_TEXTS),
            "int": lambda shape: self._rng.randint(0, 5000),
            "float": lambda shape: self._rng.uniform(0, 10),
            "bool": lambda shape: choice([True, False]),
            "map": lambda shape: {choice(NAMES): choice(_TEXTS)},
            "any": lambda shape: choice(_WRONG),
        }

    def _reference(self, shape: Shape) -> Any:
        target = self._rng.choice(self.targets)
        return target if shape.python.__name__ == "Link" else {"id": target}


def named(type_name: str, name: str) -> str:
    """A name as resources of that type have them: zones have domains."""
    return f"{name}.test" if type_name in ZONES else name


def location(kind: Kind) -> str:
    return "global" if kind.name in GLOBAL else "westeurope"


def _kind(word: str) -> Kind:
    return next(k for k in KINDS if k.name.endswith(f"/{word}"))


def children(kind: Kind) -> list[FieldSpec]:
    """The children of *kind* that can be written at paths of their own."""
    return [s for s in fields(kind.model).values() if s.wire in kind.creatable_children]
