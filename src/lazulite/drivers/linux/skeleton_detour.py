"""The fixed part of a detour's ruleset: the text. :mod:`skeleton` fills in the words of an IP version.

A packet passes twice: on its way to an appliance, tracked, with the appliance in the mark of its binding, and when it
came back by the other tunnel, untracked, which tells where it goes on. Nothing but the tunnels' own datagrams, and
those of appliances alone, is exchanged with the appliances' router.
"""

from __future__ import annotations

DETOUR = """\
table {ip} lz {{
  comment "{version}"
  set appliances {{ type {type}; }}
  set able {{ type mark; }}
  map hops {{ typeof {hop} : {hop}; elements = {{ {hops} }}; }}
  counter drop_no_appliance {{ }}
  counter drop_no_tunnel {{ }}
  chain raise_hops {{ }}
  chain choose {{ }}
  chain untracked {{
    type filter hook prerouting priority -300; policy accept;
    iifname != {{ "{north}", "{south}" }} notrack
  }}
  chain sent {{
    type filter hook output priority -300; policy accept;
    oifname "{provider}" meta l4proto != udp drop
    notrack
  }}
  chain taken {{
    type filter hook input priority 0; policy accept;
    iifname "{provider}" meta l4proto != udp counter name drop_no_tunnel drop
    iifname "{provider}" {ip} saddr != @appliances counter name drop_no_tunnel drop
  }}
  chain through {{
    type filter hook forward priority 0; policy accept;
    iifname "{provider}" counter name drop_no_tunnel drop
    oifname "{provider}" counter name drop_no_tunnel drop
  }}
  chain prerouting {{
    type filter hook prerouting priority -150; policy accept;
    iifname "{provider}" accept
    jump raise_hops
    iifname "i*" jump raise_hops
    iifname "i*" meta mark set {return_south} accept
    iifname "e*" jump raise_hops
    iifname "e*" meta mark set {return_north} accept
    ct mark 0 jump choose
    meta l4proto != tcp ct mark != @able jump choose
    meta mark set ct mark
    meta mark 0 counter name drop_no_appliance drop
    iifname "{south}" meta mark set meta mark or 1
  }}
  chain postrouting {{
    type filter hook postrouting priority 300; policy accept;
    meta mark set 0
  }}
}}
"""

DETOUR_6 = """\
table {ip} lz {{
  comment "{version}"
  map hops {{ typeof {hop} : {hop}; elements = {{ {hops} }}; }}
  chain raise_hops {{ }}
  chain through {{
    type filter hook forward priority 0; policy drop;
  }}
}}
"""

BESIDE_DETOUR = """\
table netdev lz {
}
"""
