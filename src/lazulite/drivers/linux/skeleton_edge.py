"""The fixed part of an edge's ruleset: the text. :mod:`skeleton` fills in the words of an IP version.

Translation chains see the first packet of a flow alone, so what stands there costs a flow and not a packet. A flow
that a balancer or a :class:`SourceNat` translated carries a mark in its binding: whose it is, for the counters. Marks
are odd; a source translation starts even, and its first packet is told to the egress hook of the link, which counts
it: the kernel drops a flow whose ports are used up after the last hook of its own. Fragments are known by a packet
mark, for the kernel puts them together before anything else looks.
"""

from __future__ import annotations

EDGE = """\
table {ip} lz {{
  comment "{version}"
  map to_private {{ type {type} : {type}; }}
  map to_public {{ type {type} : {type}; }}
  set default_outbound {{ type {type}; }}
  map forwarded {{ type {type} . inet_proto . inet_service : verdict; }}
  map forwards {{ type {type} . inet_proto . inet_service : {type} . inet_service; }}
  map forward_marks {{ type {type} . inet_proto . inet_service : mark; }}
  map balanced {{ type {type} . inet_proto . inet_service : verdict; }}
  map floating {{ type mark : mark; }}
  map gateways {{ type {type} : verdict; flags interval; }}
  map port_blocks {{ type {type} . inet_proto : verdict; }}
  map opened {{ type mark : counter; }}
  map received {{ type mark : counter; }}
  map sent {{ type mark : counter; }}
  map late_network {{ type {type} : verdict; flags interval; }}
  map late_member {{ type {type} . inet_service : verdict; }}
  map late_frontend {{ type {type} . inet_service : verdict; }}
  map late_address {{ type {type} : verdict; }}
  map hops {{ typeof {hop} : {hop}; elements = {{ {hops} }}; }}
  counter drop_untranslated {{ }}
  counter drop_unsolicited {{ }}
  counter drop_translated_fragment {{ }}
  counter drop_no_backend {{ }}
  counter drop_unknown_flow {{ }}
  counter drop_reset {{ }}
  chain raise_hops {{ }}
  chain default_snat {{ }}
  chain first {{
    type filter hook prerouting priority -450; policy accept;
    {any_fragment} meta mark set 1
    jump raise_hops
  }}
  chain prerouting {{
    type nat hook prerouting priority dstnat; policy accept;
    iifname "{outside}" dnat to {ip} daddr map @to_private
    iifname "{outside}" {ip} daddr . meta l4proto . th dport vmap @forwarded
    iifname "{outside}" {ip} daddr . meta l4proto . th dport vmap @balanced
  }}
  chain floating {{
    type filter hook prerouting priority -90; policy accept;
    iifname "{outside}" ct mark != 0 meta mark != 1 meta mark set ct mark map @floating
  }}
  chain send_reset {{
    counter name drop_reset reject with tcp reset
  }}
  chain late {{
    iifname "{inside}" {ip} saddr vmap @late_network
    iifname "{inside}" {ip} saddr . th sport vmap @late_member
    iifname "{outside}" {ip} daddr vmap @late_address
    iifname "{outside}" {ip} daddr . th dport vmap @late_frontend
  }}
  chain unknown {{
    meta l4proto tcp tcp flags & (syn | rst) == 0 jump late
    counter name drop_unknown_flow drop
  }}
  chain known {{
    meta mark 1 counter name drop_translated_fragment drop
    iifname "{outside}" counter name ct mark map @received
    iifname "{inside}" counter name ct mark map @sent
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ct state invalid goto unknown
    ct mark != 0 jump known
    iifname "{inside}" oifname "{outside}" accept
    iifname "{outside}" oifname "{inside}" ct status snat,dnat accept
    iifname "{outside}" oifname "{inside}" ct mark & {balanced} != 0 accept
    counter name drop_unsolicited drop
  }}
  chain postrouting {{
    type nat hook postrouting priority srcnat; policy accept;
    oifname "{outside}" {ip} saddr vmap @gateways
    oifname "{outside}" snat to {ip} saddr map @to_public
    oifname "{outside}" {ip} saddr . meta l4proto vmap @port_blocks
    oifname "{outside}" {ip} saddr @default_outbound goto default_snat
  }}
  chain last {{
    type filter hook postrouting priority 300; policy accept;
    oifname "{outside}" ct status & (snat | dnat) == 0 ct mark & {balanced} == 0 counter name drop_untranslated drop
    oifname "{outside}" ct mark != 0 ct mark & 1 == 0 meta mark set ct mark ct mark set ct mark or 1
  }}
}}
"""

COUNTING = """\
table netdev lz {
  map done { type mark : counter; }
}
"""
