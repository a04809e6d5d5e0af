"""The reference names every setting, command, event and refusal that the program has, and no other."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from pkgutil import walk_packages

import typer

import tillbook
from tillbook.cli.main import assembled
from tillbook.common.errors import Refusal
from tillbook.events.actions import ACTIONS
from tillbook.panel import words

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "tillbook"
ACTION = re.compile(
    r"(?:credit|order|payment|rma|refund|payout|customer|user|key|webhook|mail|settings)\.[a-z_]+"
)


def documented(heading: str) -> list[str]:
    """The first code span of each row of the table under a heading of the reference."""
    text = (ROOT / "docs" / "reference.md").read_text(encoding="utf-8")
    section = text.split(f"\n## {heading}\n")[1].split("\n## ")[0]
    return re.findall(r"^\| `([^`]+)`", section, flags=re.MULTILINE)


def test_every_setting_is_documented() -> None:
    source = (PACKAGE / "config" / "settings.py").read_text(encoding="utf-8")
    names = re.findall(r"\benv\.\w+\(\s*\"([A-Z_]+)\"", source)
    assert sorted(documented("Settings")) == sorted({f"TILLBOOK_{name}" for name in names})


def test_every_command_is_documented() -> None:
    shown = [
        re.sub(
            r"^tillbook ((?:user |key |account-key |import |report |statement |gateway )?\S+).*", r"\1", row
        )
        for row in documented("Commands")
    ]
    assert sorted([*shown, *_documented_operations()]) == sorted(
        _commands(typer.main.get_command(assembled()))
    )


def _documented_operations() -> Iterator[str]:
    """The commands of the table that has a row for each noun, with its verbs; what is a link is told there."""
    text = (ROOT / "docs" / "cli.md").read_text(encoding="utf-8")
    for noun, verbs in re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", text, flags=re.MULTILINE):
        yield from [f"{noun} {verb}" for verb in re.findall(r"(?<!\[)`([^`]+)`", verbs)]


def _commands(command) -> Iterator[str]:
    for name, each in command.commands.items():
        inner = getattr(each, "commands", None)
        yield from [name] if inner is None else [f"{name} {below}" for below in inner]


def test_every_event_is_documented() -> None:
    actions = {action for path in _sources() for action in _actions(ast.parse(path.read_text("utf-8")))}
    assert sorted(documented("Events")) == sorted(actions)


def test_every_event_can_be_listened_to_and_has_words() -> None:
    assert sorted(ACTIONS) == sorted(documented("Events"))
    assert set(words.ACTIONS) == ACTIONS


def _sources() -> list[Path]:
    """The modules that may write events: the panel only shows them."""
    return [
        path
        for path in PACKAGE.rglob("*.py")
        if not {"panel", "migrations"} & set(path.relative_to(PACKAGE).parts)
    ]


def _actions(node: ast.AST) -> Iterator[str]:
    """Names of events, but for those that only tell the contents of keyed requests apart."""
    if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "content_of":
        return
    if isinstance(node, ast.Constant) and isinstance(node.value, str) and ACTION.fullmatch(node.value):
        yield node.value
    for child in ast.iter_child_nodes(node):
        yield from _actions(child)


def test_every_refusal_is_documented() -> None:
    for module in walk_packages(tillbook.__path__, "tillbook."):
        if ".migrations." not in module.name:
            import_module(module.name)
    codes = {each.code for each in _below(Refusal)}
    assert sorted(documented("Refusals")) == sorted(codes)


def _below(refusal: type[Refusal]) -> Iterator[type[Refusal]]:
    for each in refusal.__subclasses__():
        if each.__module__.startswith("tillbook."):
            yield each
            yield from _below(each)


def test_every_file_that_the_docs_name_is_there() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").rglob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)\)", page.read_text(encoding="utf-8")):
            assert (page.parent / target).exists(), f"{page.name} links to {target}"
