"""Named network namespaces, below an anchor."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterator

import pytest

from lazulite.drivers.linux import anchor, namespaces
from tests.packets.owner import Owner, kinds, owner

pytestmark = pytest.mark.packets

_HEADER = """
import os, socket
from lazulite.drivers.linux import namespaces as n
here = lambda: os.readlink("/proc/thread-self/ns/net")
def ident(descriptor):
    return f"net:[{os.fstat(descriptor).st_ino}]"
def raises(kind, function, *arguments):
    try:
        function(*arguments)
    except kind:
        return True
"""


@pytest.fixture(scope="module", params=kinds())
def below(request: pytest.FixtureRequest) -> Iterator[tuple[Owner, anchor.Anchor]]:
    with owner(request.param) as made:
        yield made, made.start()


@pytest.mark.parametrize(
    "code",
    [
        pytest.param(
            "home = here(); a, b = n.create('a'), n.create('b'); assert here() == home; assert ident(a) != ident(b)",
            id="each is one of its own and the maker stays where it was",
        ),
        pytest.param("assert ident(n.create('a')) == ident(n.create('a')) == ident(n.open('a'))", id="a name is one"),
        pytest.param("os.close(n.create('a')); assert n.names() == ['a']", id="it needs no descriptor to live"),
        pytest.param("n.create('a'); n.remove('a'); n.remove('a'); assert n.names() == []", id="removed once or twice"),
        pytest.param(
            "old = n.create('a'); n.remove('a'); assert ident(n.create('a')) != ident(old)",
            id="one of the same name later is another",
        ),
        pytest.param("assert raises(FileNotFoundError, n.open, 'a')", id="an unknown one does not open"),
        pytest.param(
            "n.ROOT.mkdir(exist_ok=True); (n.ROOT / 'half').touch(); assert n.names() == ['half'];"
            "assert raises(FileNotFoundError, n.open, 'half'); os.close(n.create('half')); n.open('half')",
            id="a half-made one is listed, does not open and can be made",
        ),
        pytest.param(
            "[os.close(n.create(x)) for x in 'abc']; (n.ROOT / 'd').touch();"
            "assert n.sweep(['b', 'x']) == ['a', 'c', 'd']; assert n.names() == ['b']",
            id="a sweep leaves what is to stay",
        ),
        pytest.param(
            """
            home, a = here(), n.create('a')
            with n.inside(a):
                assert here() == ident(a) != home
                s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
            assert here() == home
            """,
            id="inside ends where it began",
        ),
        pytest.param(
            """
            home, a = here(), n.create('a')
            def fail():
                with n.inside(a):
                    raise KeyError
            assert raises(KeyError, fail) and here() == home
            """,
            id="and so it does after an error",
        ),
        pytest.param(
            """
            import threading
            a, seen = n.create('a'), []
            with n.inside(a):
                thread = threading.Thread(target=lambda: n.open('a') and seen.append(n.create('b')))
                thread.start(); thread.join()
                assert here() == ident(a)
            assert len(seen) == 1 and n.names() == ['a', 'b']
            """,
            id="threads do not disturb each other",
        ),
        pytest.param(
            "n.create('a'); assert os.system('ip netns exec a true') == 0",
            id="ip netns finds them",
        ),
    ],
)
def test_namespaces(below: tuple[Owner, anchor.Anchor], code: str) -> None:
    made, lab = below
    made.below(lab, [sys.executable, "-c", _HEADER + textwrap.dedent(code) + "\nn.sweep([])"])
    assert made.below(lab, [sys.executable, "-c", _HEADER + "n.sweep([]); print(n.names())"]) == "[]"


@pytest.mark.parametrize("name", ["", ".", "..", "a/b"])
def test_what_is_not_a_file_name_is_no_name(name: str) -> None:
    with pytest.raises(ValueError, match="cannot name"):
        namespaces.path(name)
