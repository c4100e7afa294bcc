"""The fixed part of the ruleset where copies of packets become datagrams: the text. :mod:`skeleton` fills it in.

Whoever copies a port's packets has a tunnel of its own, known by the source address and the port that it writes, which
are nobody's on the wire: map ``sources`` leads to what they become. The source port becomes a hash of the flow inside, the
same for both directions of it, which balancers of collectors go by. It is over the addresses and, of whole TCP and UDP
packets, the ports: fragments have none. Offsets are in bits from the outer UDP header: 8 bytes of it, 8 of VXLAN, 14 of
Ethernet, then what is inside. The first hop's MAC address tells that a packet came to the port, so the far side is first.
"""

# ruff: noqa: E501 -- the ruleset is easier to check as the lines that nft lists
from __future__ import annotations

TAP = """\
table ip lz {{
  comment "{version}"
  map sources {{ type ipv4_addr . inet_service : verdict; }}
  counter drop_no_tap {{ }}
  chain hash_sent_ports {{
    @th,0,16 set jhash @th,336,32 . @th,368,32 . @th,400,16 . @th,416,16 mod {span} seed {seed} offset {first}
  }}
  chain hash_got_ports {{
    @th,0,16 set jhash @th,368,32 . @th,336,32 . @th,416,16 . @th,400,16 mod {span} seed {seed} offset {first}
  }}
  chain hash_sent_ip {{
    @th,0,16 set jhash @th,336,32 . @th,368,32 mod {span} seed {seed} offset {first}
  }}
  chain hash_got_ip {{
    @th,0,16 set jhash @th,368,32 . @th,336,32 mod {span} seed {seed} offset {first}
  }}
  chain hash_sent_ip6 {{
    @th,0,16 set jhash @th,304,128 . @th,432,128 mod {span} seed {seed} offset {first}
  }}
  chain hash_got_ip6 {{
    @th,0,16 set jhash @th,432,128 . @th,304,128 mod {span} seed {seed} offset {first}
  }}
  chain sent_ip {{
    @th,240,8 0x45 @th,288,16 & 0x3fff == 0 @th,312,8 {{ 6, 17 }} goto hash_sent_ports
    goto hash_sent_ip
  }}
  chain got_ip {{
    @th,240,8 0x45 @th,288,16 & 0x3fff == 0 @th,312,8 {{ 6, 17 }} goto hash_got_ports
    goto hash_got_ip
  }}
  chain got {{
    @th,224,16 0x0800 goto got_ip
    @th,224,16 0x86dd goto hash_got_ip6
    @th,0,16 set {port}
  }}
  chain sent {{
    @th,176,48 {gateway} goto got
    @th,224,16 0x0800 goto sent_ip
    @th,224,16 0x86dd goto hash_sent_ip6
    @th,0,16 set {port}
  }}
  chain output {{
    type filter hook output priority 0; policy drop;
    meta l4proto != udp drop
    jump sent
    ip saddr . udp dport vmap @sources
    counter name drop_no_tap drop
  }}
  chain input {{
    type filter hook input priority 0; policy drop;
  }}
}}
table ip6 lz {{
  comment "{version}"
  chain output {{
    type filter hook output priority 0; policy drop;
  }}
}}
table netdev lz {{
}}
"""
