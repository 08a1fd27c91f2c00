"""What no linter knows: sizes, clocks, reasons, machine paths, dead files, pages of codes."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from consumers.demo.office import demo_actions

ROOT = Path(__file__).parents[2]
ROOMS = ("ledger", "projections", "consumers")
MODULE_LINES_MAX = 500
FUNCTION_LINES_MAX = 70

CLOCK_AND_CHANCE = re.compile(r"\b(?:datetime\.now|time\.time|uuid[1-8]|random\.\w+|date\.today)\(")
EDGES = (
    "ledger/adapters/",  # a technology's own door; each gets a clock as argument where it matters
    "consumers/bootstrap.py",  # the one clock of everything else
    "consumers/cli/errors.py",  # names the report of a bug
)

CODE_AREAS = (
    "action|chain|checkpoint|custody|dossier|drill|entry|evidence|file|import|index|kafka|keys|log"
    "|officers|payment|policy|projection|proof|remote|sealer|settings|signature|store|stream|supplement|tile"
    "|timestamp|trust|witness"
)
CODE = re.compile(rf"(?:{CODE_AREAS})\.[a-z_]+")


@cache
def sources(*folders: str) -> tuple[Path, ...]:
    return tuple(sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py")))


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def place(path: Path, line: int = 0) -> str:
    return f"{path.relative_to(ROOT)}" + (f":{line}" if line else "")


def test_modules_and_functions_stay_short():
    found = []
    for path in sources(*ROOMS, "scripts", "tests"):
        lines = len(path.read_text(encoding="utf-8").splitlines())
        if lines > MODULE_LINES_MAX:
            found.append(f"{place(path)}: {lines} lines")
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES_MAX:
                    found.append(f"{place(path, node.lineno)} {node.name}: {length} lines")
    assert not found


def test_clock_and_chance_only_at_the_edges():
    found = [
        place(path, number)
        for path in sources(*ROOMS)
        if not place(path).startswith(EDGES)
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if CLOCK_AND_CHANCE.search(line.partition("#")[0])
    ]
    assert not found


def test_every_exception_from_a_rule_names_it_and_says_why():
    marked = re.compile(r"#\s*(?:noqa|type:\s*ignore)\b")
    reasoned = re.compile(r"# noqa: [A-Z]+[0-9]+(?:, ?[A-Z]+[0-9]+)* - \S")
    typed = re.compile(r"# type: ignore\[[a-z, -]+\](?:  # \S)")
    found = [
        place(path, number)
        for path in sources(*ROOMS, "scripts")
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if marked.search(line) and not (reasoned.search(line) or typed.search(line))
    ]
    assert not found


def test_no_path_of_a_machine_and_no_unfinished_note():
    words = ("/" + "root/", "/" + "work/", "/" + "home/", "TO" + "DO", "FIX" + "ME", "X" + "XX")
    texts = [
        *sources(*ROOMS, "scripts", "tests"),
        *(ROOT / "docs").rglob("*.md"),
        *(path for path in (ROOT / "scripts").iterdir() if path.is_file()),
        ROOT / "pyproject.toml",
        ROOT / "README.md",
    ]
    found = [
        f"{place(path)}: {word}"
        for path in texts
        for word in words
        if word in path.read_text(encoding="utf-8")
    ]
    assert not found


def imported_names() -> Iterator[str]:
    for path in sources(*ROOMS, "scripts", "tests"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                yield node.module
                yield from (f"{node.module}.{alias.name}" for alias in node.names)


def test_no_dead_module():
    used = set(imported_names())
    project = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    texts = project + "".join(path.read_text(encoding="utf-8") for path in sources(*ROOMS, "tests"))
    dead = []
    for path in sources(*ROOMS):
        if path.name in {"__init__.py", "__main__.py"}:
            continue
        module = ".".join(path.relative_to(ROOT).with_suffix("").parts)
        # The entry point, commands imported when they are asked for ("verify:verify") and
        # persistence modules are named in text.
        named = (f'"{module}', f'"{path.stem}:')
        if module not in used and not any(name in texts for name in named):
            dead.append(module)
    assert not dead


def codes_in_source() -> set[str]:
    """Codes as they are given: an argument, a class's `code`, the head of a returned tuple."""
    found: set[str] = set()

    def collect(node: ast.AST | None) -> None:
        if isinstance(node, ast.IfExp):
            collect(node.body)
            collect(node.orelse)
        elif isinstance(node, ast.Constant) and CODE.fullmatch(str(node.value)):
            found.add(str(node.value))

    for path in sources(*ROOMS):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") != "told":
                for argument in (*node.args, *(keyword.value for keyword in node.keywords)):
                    collect(argument)
            elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
                collect(node.value)
            elif isinstance(node, ast.Return) and isinstance(node.value, ast.Tuple):
                collect(next(iter(node.value.elts), None))
    return found


def test_every_code_has_its_page_and_every_page_its_code():
    pages = {path.stem for path in (ROOT / "docs" / "findings").glob("*.md")}
    assert codes_in_source() == pages


def test_links_between_pages_lead_somewhere():
    link = re.compile(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)")
    found = [
        f"{place(path)}: {target}"
        for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "README.md"]
        for target in link.findall(path.read_text(encoding="utf-8"))
        if not (path.parent / target).exists()
    ]
    assert not found


def test_lock_files_pin_with_hashes_and_name_no_host():
    for name in ("requirements.lock", "requirements-dev.lock"):
        text = (ROOT / name).read_text(encoding="utf-8")
        assert "://" not in text
        pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert pinned
        assert all("==" in line for line in pinned)
        assert text.count("--hash=sha256:") >= len(pinned)


@pytest.mark.parametrize("name", ["demo", "test", "environment"])
def test_scripts_are_whole(name: str):
    path = ROOT / "scripts" / name
    assert path.exists()
    assert name == "environment" or path.stat().st_mode & 0o111


def test_demo_uses_only_registered_types():
    from ledger.domain.events import is_registered

    assert all(is_registered(action.type) for action in demo_actions())
