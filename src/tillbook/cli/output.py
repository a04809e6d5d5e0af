"""What commands print: words for people, or JSON for programs; and what they say of wrong usage."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from tillbook.common.errors import InvalidInput


class WrongUsage(Exception):
    """A value that is not written as it must be, or one too many or too few: one line, and exit code 2."""

    def __init__(self, message: str, option: str = "") -> None:
        super().__init__(named(option, message) if option else message)


@contextmanager
def reading_options(**others: str) -> Iterator[None]:
    """What is wrong about a value in here is wrong usage, of the option that has the field's name.

    `others` are the options that fields without one stand in.
    """
    try:
        yield
    except InvalidInput as error:
        option = "" if error.field is None else "--" + others.get(error.field, error.field).replace("_", "-")
        raise WrongUsage(error.message, option) from error


AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def say(text: str, data: Any, *, as_json: bool) -> None:
    """Print one of both."""
    typer.echo(json.dumps(data, ensure_ascii=False) if as_json else text)


_CALLED = {"recorded by": "recorded until"}  # what forms call an option otherwise


def named(option: str, message: str) -> str:
    """The message after the option that it is about, unless it begins with that one's own words.

    "--amount: Only 1.00 GBP is available."; a form's "As of: write a date" is "--as-of: write a date".
    """
    words = option.lstrip("-").replace("-", " ").lower()
    words = _CALLED.get(words, words)
    begins = message.lower()
    if begins.startswith(f"{words}: "):
        return option + message[len(words) :]
    return message if begins.startswith((f"{words} ", option)) else f"{option}: {message}"


def counted(count: int, what: str) -> str:
    """ "1 credit", "2 credits": how many, of what has its plural by an s."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"
