"""House rules that no other tool checks. Each failure names the file, the line and the rule."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "tillbook"
MODULES = sorted(path for path in PACKAGE.rglob("*.py") if not path.match("migrations/0001_initial.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

LONGEST_FUNCTION = 60  # lines, from `def` to its last
LONGEST_FILE = 450  # lines
NAMED_BY_DJANGO = PACKAGE / "common" / "sqlite3" / "base.py"  # so it looks for a database's backend
WRITTEN_BY_A_SCRIPT = {PACKAGE / "client" / "shapes.py", PACKAGE / "client" / "client.py"}

# Words with two meanings, or with another meaning here: see the table in docs/vocabulary.md.
BANNED_NAMES = re.compile(
    r"(^|_)(wallet|voucher|withdrawal|reimbursement|redeem|redeemed|grant|granted|authorize|authorise"
    r"|operator|metadata|util|utils|helper|helpers|manager)(_|s?$)"
)
BANNED_FILES = {"utils.py", "helpers.py", "managers.py", "signals.py", "base.py"}
UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK)\b")

# Only the edges read the clock; everything below is told what time it is.
EDGES = {"panel", "portal", "api", "neto", "cli", "config", "demo"}
CLOCK = {
    ("timezone", "now"),
    ("datetime", "now"),
    ("datetime", "utcnow"),
    ("date", "today"),
    ("time", "time"),
}

DOMAIN = {
    "events",
    "ledger",
    "customers",
    "staff",
    "credit",
    "orders",
    "returns",
    "refunds",
    "payouts",
    "delivery",
    "exporters",
    "shop",
}
WRITES = {"save", "create", "bulk_create", "get_or_create", "update_or_create", "bulk_update", "delete"}


def trees(paths: list[Path]) -> Iterator[tuple[Path, ast.Module]]:
    for path in paths:
        yield path, ast.parse(path.read_text(encoding="utf-8"), str(path))


def place(path: Path, node: ast.AST) -> str:
    return f"{path.relative_to(ROOT)}:{getattr(node, 'lineno', 0)}"


def room(path: Path) -> str:
    """The package below tillbook that a module is in."""
    return path.relative_to(PACKAGE).parts[0]


def test_functions_are_short() -> None:
    long = [
        f"{place(path, node)} {node.name} has {length} lines"
        for path, tree in trees(MODULES)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if (length := (node.end_lineno or 0) - node.lineno + 1) > LONGEST_FUNCTION
    ]
    assert long == []


def test_files_are_short() -> None:
    long = [
        f"{path.relative_to(ROOT)} has {length} lines"
        for path in MODULES + TESTS
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > LONGEST_FILE
        and path not in WRITTEN_BY_A_SCRIPT
    ]
    assert long == []


def test_files_have_names_that_say_something() -> None:
    named = [path for path in MODULES if path != NAMED_BY_DJANGO]
    assert [str(path.relative_to(ROOT)) for path in named if path.name in BANNED_FILES] == []


def test_names_use_the_vocabulary() -> None:
    found = [
        f"{place(path, node)} {name}"
        for path, tree in trees(MODULES)
        for node in ast.walk(tree)
        for name in _defined_names(node)
        if BANNED_NAMES.search(name.lower())
    ]
    assert found == []


def _defined_names(node: ast.AST) -> list[str]:
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return [name]
        case ast.arg(arg=name):
            return [name]
        case ast.Name(id=name, ctx=ast.Store()):
            return [name]
    return []


def test_nothing_is_left_unfinished() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in MODULES + [path for path in TESTS if path != Path(__file__)]
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if UNFINISHED.search(line)
    ]
    assert found == []


def test_no_float_comes_near_money() -> None:
    found = [place(path, node) for path, tree in trees(MODULES) for node in ast.walk(tree) if _is_float(node)]
    assert found == []


def _is_float(node: ast.AST) -> bool:
    match node:
        case ast.Constant(value=float()):
            return True
        case ast.Name(id="float") | ast.Attribute(attr="FloatField" | "DecimalField"):
            return True
    return False


def test_only_edges_read_the_clock() -> None:
    found = [
        place(path, node)
        for path, tree in trees([path for path in MODULES if room(path) not in EDGES])
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        if isinstance(node.value, ast.Name | ast.Attribute)
        if (_last_name(node.value), node.attr) in CLOCK
    ]
    assert found == []


def _last_name(node: ast.Name | ast.Attribute) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr


def test_only_the_domain_writes_and_there_neither_models_nor_queries() -> None:
    found = [
        f"{place(path, node)} .{node.func.attr}("
        for path, tree in trees([path for path in MODULES if not _may_write(path)])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        if isinstance(node.func, ast.Attribute)
        if node.func.attr in WRITES
    ]
    assert found == []


def _may_write(path: Path) -> bool:
    # Sealing anew writes to whichever room has something sealed, and changes nothing that anybody reads.
    seals = room(path) == "common" and path.name == "resealing.py"
    return seals or (room(path) in DOMAIN and path.name not in {"models.py", "queries.py"})


@pytest.mark.parametrize(
    "pattern",
    [r"style=\"", r"<style", r"<script(?![^>]*\bsrc=)", r"\son[a-z]+=\"", r"https?://(?!www\.w3\.org)"],
)
def test_templates_obey_the_content_security_policy(pattern: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number} {line.strip()}"
        for path in sorted(PACKAGE.rglob("*.html"))
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if re.search(pattern, line)
    ]
    assert found == []
