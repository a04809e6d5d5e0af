"""The `tillbook` command: its parts, put together."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from importlib import import_module
from typing import NoReturn

import django
import typer
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, ProgrammingError
from django.utils import translation

from tillbook.cli.output import WrongUsage
from tillbook.common.errors import Refusal
from tillbook.common.languages import FOR_PROGRAMS

#: module -> its commands. All others are those of `operations`: what the API can do.
_OWN = {
    "account_keys": ("account-key",),
    "backup": ("backup",),
    "book": ("recalculate", "expire"),
    "deliver": ("deliver",),
    "demo": ("demo",),
    "exports": ("export", "export-accounts"),
    "gateways": ("gateway",),
    "imports": ("import",),
    "keys": ("key",),
    "reports": ("report",),
    "serve": ("migrate", "serve"),
    "statements": ("statement",),
    "users": ("user",),
    "verify": ("verify", "attest"),
}
_WORDS = ("_TYPER_COMPLETE_ARGS", "COMP_WORDS")  # where shells put a line that is to be completed


def app() -> None:
    """Run the command. A refusal is one line on standard error and exit code 1; wrong usage is code 2."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tillbook.config.settings")
    try:
        "".join(sys.argv).encode()
    except UnicodeEncodeError:
        _stop("What is given must be text in UTF-8.", code=2)
    try:
        django.setup()
        gc.freeze()  # what is loaded stays: a long import need not have it looked through again and again
        translation.activate(FOR_PROGRAMS)  # scripts read it, whatever the shop's language
        assembled(sys.argv[1:2] or _typed()[1:2])(prog_name="tillbook")
    except (Refusal, ImproperlyConfigured) as refusal:
        _stop(str(refusal))
    except WrongUsage as wrong:
        _stop(str(wrong), code=2)
    except (OperationalError, ProgrammingError) as error:
        _stop(f"The database does not answer as it should: {error}{_hint(error)}")
    except DatabaseError as error:
        _stop(f"The database refused: {error}")


def _hint(error: DatabaseError) -> str:
    """What to look at where a table or a column is missing; a full disk says itself what is wrong."""
    missing = isinstance(error, ProgrammingError) or "no such" in str(error)
    return " (Was `tillbook migrate` run?)" if missing else ""


def _typed() -> list[str]:
    """The words of a line that a shell wants completed, the last perhaps a beginning."""
    return next((os.environ[name].split() for name in _WORDS if name in os.environ), [])


def assembled(asked: Sequence[str] = ()) -> typer.Typer:
    """The `commands` of the modules beside this one, as one command.

    A command that is asked for needs its own module alone: importing all takes longer than many a
    command. Django must be set up before: the modules import models.
    """
    tillbook = typer.Typer(
        help="The credit a shop owes its customers, and the refunds that pay it out.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        callback=lambda: None,  # without one, a single command would need no name
    )
    for name in _modules_of(asked):
        tillbook.add_typer(import_module(f"tillbook.cli.{name}").commands)
    return tillbook


def _modules_of(asked: Sequence[str]) -> list[str]:
    for name in asked:
        wanted = [module for module, names in _OWN.items() if name in names]
        if wanted or name in import_module("tillbook.cli.operations").NOUNS:
            return wanted or ["operations"]
    return [*_OWN, "operations"]


def _stop(message: str, code: int = 1) -> NoReturn:
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(code)
