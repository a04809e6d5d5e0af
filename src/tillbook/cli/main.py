"""The `tillbook` command: its parts, put together."""

from __future__ import annotations

import os
import pkgutil
import sys
from collections.abc import Sequence
from importlib import import_module

import django
import typer
from django.core.exceptions import ImproperlyConfigured
from django.db import DatabaseError, OperationalError, ProgrammingError

from tillbook import cli
from tillbook.common.errors import Refusal


def app() -> None:
    """Run the command. A refusal is one line on standard error and exit code 1."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tillbook.config.settings")
    try:
        django.setup()
        assembled(sys.argv[1:2])()
    except (Refusal, ImproperlyConfigured) as refusal:
        _stop(str(refusal))
    except (OperationalError, ProgrammingError) as error:
        _stop(f"The database does not answer as it should: {error} (Was `tillbook migrate` run?)")
    except DatabaseError as error:
        _stop(f"The database refused: {error}")


def assembled(asked: Sequence[str] = ()) -> typer.Typer:
    """The `commands` of every module beside this one, as one command.

    A command that is asked for and has a module of its name needs no other: importing all takes
    longer than many a command. Django must be set up before: the modules import models.
    """
    tillbook = typer.Typer(
        help="The credit a shop owes its customers, and the refunds that pay it out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        callback=lambda: None,  # without one, a single command would need no name
    )
    names = [module.name for module in pkgutil.iter_modules(cli.__path__) if module.name != "main"]
    for name in [name for name in names if name in asked] or names:
        tillbook.add_typer(import_module(f"tillbook.cli.{name}").commands)
    return tillbook


def _stop(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(1)
