"""Mininet's side of the creation benchmark, run by the system's Python, which has Mininet: ``mininet_hosts.py COUNT``.

Hosts behind one router, as ours are; prints the seconds to create and to remove them as JSON.
"""

import json
import resource
import sys
import time

import mininet.net
from mininet.log import setLogLevel
from mininet.node import Host

_, HARD = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (HARD, HARD))
mininet.net.fixLimits = lambda: None  # it would raise limits of the whole machine
setLogLevel("critical")

began = time.perf_counter()
net = mininet.net.Mininet(controller=None, build=False)
router = net.addHost("router", cls=Host)
for number in range(int(sys.argv[1])):
    host = net.addHost(f"h{number}", ip=f"10.0.{number // 250}.{4 + number % 250}/16")
    net.addLink(host, router, intfName1=f"h{number}-e", intfName2=f"v{number}")
net.build()
for number in range(int(sys.argv[1])):
    router.cmd(f"ip route add 10.0.{number // 250}.{4 + number % 250}/32 dev v{number}")
created = time.perf_counter()
net.stop()
print(json.dumps({"create": created - began, "remove": time.perf_counter() - created}))
