"""What a wheel brings along of the page, and that nothing of others' is in the repository."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import lazulite.portal

ROOT = Path(__file__).parents[2]
PORTAL = Path(lazulite.portal.__file__).parent
MADE = set(re.findall(r'^    "([\w.-]+)": "', (ROOT / "hatch_build.py").read_text(), re.MULTILINE))
"""What the build makes of packages of others."""


def test_every_file_of_others_is_made_by_the_build_and_none_is_kept() -> None:
    assert {p.name for p in (PORTAL / "vendor").iterdir()} == MADE
    kept = subprocess.run(
        ["git", "ls-files", "src/lazulite/portal"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert "src/lazulite/portal/static/index.html" in kept.stdout
    assert "vendor" not in kept.stdout


def test_a_wheel_holds_what_is_made_and_what_is_written(tmp_path: Path) -> None:
    """Built from a copy: a build makes the files of others anew, under the feet of labs that hand them out."""
    source = tmp_path / "source"
    shutil.copytree(ROOT / "src", source / "src", ignore=shutil.ignore_patterns("vendor", "__pycache__"))
    for name in ("pyproject.toml", "hatch_build.py", "README.md"):
        shutil.copy(ROOT / name, source)
    build = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(tmp_path), str(source)]
    subprocess.run(build, check=True, timeout=250)
    [wheel] = tmp_path.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    static = {p.relative_to(PORTAL).as_posix() for p in (PORTAL / "static").rglob("*") if p.is_file()}
    wanted = {f"lazulite/portal/{name}" for name in static | {f"vendor/{m}" for m in MADE}}
    assert wanted - held == set()


def test_every_module_and_sheet_that_a_file_names_is_there() -> None:
    missing = []
    for path in [*(PORTAL / "static").rglob("*.js"), *(PORTAL / "vendor").glob("*.js")]:
        for name in re.findall(r"""(?:from|import)\s*\(?\s*['"]([^'"\n]+)['"]""", path.read_text()):
            named = _place(name, path)
            if named is not None and not named.is_file():
                missing.append((path.name, name))
    for page in (PORTAL / "static").glob("*.html"):
        named = re.findall(r'(?:src|href)="/portal/([^"]+)"', page.read_text())
        missing += [(page.name, n) for n in named if not _served(n).is_file()]
    assert missing == []


def _place(name: str, path: Path) -> Path | None:
    if name.startswith("/portal/"):
        return _served(name.removeprefix("/portal/"))
    if not name.startswith("."):
        return None
    resolved = (path.parent / name).resolve()
    inside = resolved.is_relative_to(PORTAL / "static" / "vendor")  # as the browser sees it: /portal/vendor
    return PORTAL / "vendor" / resolved.name if inside else resolved


def _served(name: str) -> Path:
    return PORTAL / name if name.startswith("vendor/") else PORTAL / "static" / name
