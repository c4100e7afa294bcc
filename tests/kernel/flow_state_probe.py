"""Is what the data plane takes for granted of the kernel true of this kernel? One line a fact, exit code 1 on a lie.

Run it natively (``python3 tests/kernel/flow_state_probe.py [SCENARIO...]``) and under Debian 12's kernel
(``tests/kernel/run python3 tests/kernel/flow_state_probe.py``). It needs ``ip`` and ``nft`` and the right to make
namespaces. A scenario is chosen by a part of its name, such as ``IPv6``.
"""

import platform
import sys
import traceback
from collections.abc import Callable, Iterator
from functools import partial

from error_facts import error_facts, lifetime_facts
from flow_facts import Fact, flow_facts
from fragment_facts import fragment_facts
from headers import IPV4, IPV6
from lab import isolate
from route_facts import link_facts, mark_facts
from scale_facts import scale_facts
from swap_facts import swap_facts

SCENARIOS: dict[str, Callable[[], Iterator[Fact]]] = {
    "flow state, IPv4": partial(flow_facts, IPV4),
    "flow state, IPv6": partial(flow_facts, IPV6),
    "swap": swap_facts,
    "ICMP errors, IPv4": partial(error_facts, IPV4),
    "ICMP errors, IPv6": partial(error_facts, IPV6),
    "no hop shown, IPv4": partial(lifetime_facts, IPV4),
    "no hop shown, IPv6": partial(lifetime_facts, IPV6),
    "fragments, IPv4": partial(fragment_facts, IPV4),
    "fragments, IPv6": partial(fragment_facts, IPV6),
    "1,000 interfaces": scale_facts,
    "marks, IPv4": partial(mark_facts, IPV4),
    "marks, IPv6": partial(mark_facts, IPV6),
    "link, IPv4": partial(link_facts, IPV4),
    "link, IPv6": partial(link_facts, IPV6),
}


def probe(scenario: str) -> int:
    """Print the facts of one scenario; how many are not so. A scenario that breaks down counts as one."""
    wrong = 0
    try:
        for claim, holds, detail in SCENARIOS[scenario]():
            print("PASS" if holds else "FAIL", f"{scenario}: {claim}", f"({detail})" if detail else "", flush=True)
            wrong += not holds
    except Exception:
        print("FAIL", f"{scenario}: broke down", flush=True)
        traceback.print_exc()
        wrong += 1
    return wrong


def main(wanted: list[str]) -> int:
    isolate()
    print(f"kernel {platform.release()}", flush=True)
    chosen = [name for name in SCENARIOS if not wanted or any(word in name for word in wanted)]
    return min(1, sum(probe(name) for name in chosen))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
