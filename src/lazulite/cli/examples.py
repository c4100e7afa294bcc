"""What a command's help shows below its options: lines that can be typed as they are, once the demo's network runs."""

from __future__ import annotations

EXAMPLES = {
    "up": ("up --detach", "up --lab ci --memory -d"),
    "down": ("down", "down --lab ci --purge"),
    "status": ("status", "status --json"),
    "portal": ("portal", "portal --print"),
    "doctor": ("doctor",),
    "env": ('eval "$(lazulite env)"',),
    "deploy": ("deploy main.json -g shop -p size=3", "deploy main.json -g shop --watch"),
    "plan": ("plan main.json -g shop -p main.parameters.json",),
    "export": ("export -g demo -o demo.json",),
    "import": ("import demo.json -g copy -p virtualMachines_web_adminPassword=Lazulite-1234",),
    "save": ("snapshot save lab.json",),
    "restore": ("snapshot restore lab.json",),
    "exec": ("exec web -- hostname", "exec visitor -- curl -s http://198.18.0.2"),
    "shell": ("shell web", "shell demo/db"),
    "forward": ("forward 8080:web:80", "forward 8080:198.18.0.2:80 --from visitor"),
    "proxy": ("proxy --port 1080 --from visitor",),
    "dig": ("dig www.example.com --from web", "dig example.com SOA --walk --dnssec", "dig 10.1.1.4 --from db"),
    "trace": (
        "trace web db:5432 --packet",
        "trace visitor 198.18.0.2:80",
        "trace web www.example.com:443",
        "trace visitor https://shop.test/cart",
    ),
    "check": ("check network.yml --junit report.xml", "check network.yml --model-only"),
    "capture": (
        "capture web db -w both.pcapng --duration 10",
        "capture web --filter 'tcp port 80' | wireshark -k -i -",
    ),
    "flows": ("flows --follow --denied", "flows --vm web --summary", "flows --log web"),
    "reach": ("reach --to db:5432", "reach --from Internet --denied", "reach --grid"),
    "topology": ("topology -o net.svg", "topology --format mermaid"),
    "audit": ("audit", "audit demo --severity warning --fail-on error"),
    "history": ("history -n 5",),
    "diff": ("diff 10m", "diff 12 15 --exit-code"),
    "add": ("fault add web --loss 5 --delay 20", "fault add nic-db --cut --direction in"),
    "list": ("fault list",),
    "clear": ("fault clear web-fault", "fault clear"),
    "kill": ("fault kill agent",),
    "logs": ("logs agent --follow", "logs controller -n 20"),
    "reset": ("reset --yes",),
    "demo": ("demo", "demo --template main.json"),
}
"""By the last word of the command's name; the words after ``lazulite``, or a whole line of a shell."""


def shown(command: str) -> str:
    """The end of its help; ``\\b`` tells click to leave the lines alone."""
    lines = [line if "lazulite" in line else f"lazulite {line}" for line in EXAMPLES.get(command, ())]
    return "\b\nExamples:\n" + "\n".join(f"  {line}" for line in lines) if lines else ""
