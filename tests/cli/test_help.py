"""What `--help` says of commands and options that are made from the API."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import typer

from tillbook.cli import fields, operations
from tillbook.cli.main import assembled

Run = Callable[..., tuple[int, str, str]]  # exit code, standard output, standard error


def made() -> Iterator[fields.Field]:
    """The fields of all operations, as the commands take them."""
    for operation in operations.operations.values():
        yield from operations._Command(operation).fields


def test_a_noun_s_help_names_all_its_verbs():
    nouns = typer.main.get_command(assembled()).commands
    assert nouns["gateway"].help == "list, add, remove, check, ask."
    assert nouns["statement"].help == "list, read, show, import."
    for noun in operations.NOUNS:
        assert nouns[noun].help == f"{', '.join(nouns[noun].commands)}."


@pytest.mark.parametrize(("noun", "own"), [("gateway", "ask"), ("statement", "import")])
def test_it_does_so_when_only_its_own_module_is_read(run: Run, noun: str, own: str):
    code, shown, wrong = run(noun, "--help")
    assert (code, wrong) == (0, "")
    assert f", {own}." in " ".join(shown.split())


def test_each_yes_or_no_says_what_it_does():
    assert [each.place for each in made() if each.halves and not each.info.description] == []


def test_no_example_is_empty():
    assert [each.place for each in made() if "Such as ." in str(each.parameter())] == []


def test_of_a_list_the_first_example_is_shown(run: Run):
    code, shown, _ = run("webhook", "add", "--help")
    assert code == 0
    told = " ".join(shown.replace("│", " ").split())
    assert "Which events: by name, or all of a kind. None: all there are. Such as refund.completed." in told
