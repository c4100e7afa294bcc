"""The proof as people and programs read it."""

from __future__ import annotations

from typing import Any

from lazulite.cli.demo.proof import Finding
from lazulite.cli.lab import option

_ROOMY = 110
"""Columns from which the table has room for remarks."""


def as_json(finding: Finding) -> dict[str, Any]:
    row = finding.row
    return {
        "from": row.source,
        "to": row.destination,
        "protocol": row.protocol,
        "port": row.port,
        "expected": row.expected,
        "model": finding.modelled,
        "packet": finding.packet,
        "detail": finding.detail,
        "decidedBy": finding.decided_by,
        "appliances": list(finding.seen_path),
        "agrees": finding.agrees,
    }


def report(group: str, findings: list[Finding], elapsed_s: float, lab: str, width: int) -> Any:
    """The table (for a terminal of *width* columns), one sentence about it, and how to go on."""
    from rich.console import Group

    wrong = sum(not f.agrees for f in findings)
    passed = sum(f.packet for f in findings)
    verdict = (
        f"[green]{passed} conversations pass, {len(findings) - passed} do not: as designed, {elapsed_s} s[/]"
        if not wrong
        else f"[red]{wrong} of {len(findings)} conversations are not as they should be[/]"
    )
    return Group(_table(findings, width), "", verdict, "", _next(group, findings, option(lab)))


def _table(findings: list[Finding], width: int) -> Any:
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for heading in ("", "from", "to", "service", "packet", "through", "decided by"):
        table.add_column(heading, no_wrap=True)
    table.add_column("")
    roomy = width >= _ROOMY
    for finding in findings:
        row = finding.row
        table.add_row(
            "[green]✓[/]" if finding.agrees else "[red]✗[/]",
            row.source,
            row.destination,
            row.service,
            _packet(finding),
            ", ".join(finding.seen_path),
            finding.decided_by,
            _remark(finding) if roomy or not finding.agrees else "",
        )
    return table


def _packet(finding: Finding) -> str:
    return "[green]passes[/]" if finding.packet else "[yellow]does not[/]"


def _remark(finding: Finding) -> str:
    """Why the design wants it so; or, where something is wrong, what was expected and what was seen."""
    if finding.agrees:
        return f"[dim]{finding.row.why}[/]"
    parts = [f"packet: {finding.detail}", f"model: {'passes' if finding.modelled else 'does not pass'}"]
    if finding.row.expected is not None:
        parts.append(f"design: {'pass' if finding.row.expected else 'not pass'}")
    if set(finding.modelled_path) != set(finding.seen_path):
        parts.append(f"model's way: {', '.join(finding.modelled_path) or 'direct'}")
    return "; ".join(parts)


def _next(group: str, findings: list[Finding], chosen: str) -> str:
    first = findings[0].row
    port = f":{first.port}" if first.port else ""
    return (
        "The lab keeps running. Go on:\n"
        f"  lazulite trace {first.source} {first.destination}{port} --packet{chosen}\n"
        f"  lazulite shell {findings[-1].row.source}{chosen}\n"
        f"  lazulite portal{chosen}\n"
        f'  eval "$(lazulite env{chosen})"; az network nsg list -g {group} -o table\n'
        f"  lazulite down{chosen}"
    )
