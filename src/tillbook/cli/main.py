"""The `tillbook` command: its parts, put together."""

from __future__ import annotations

import os
import pkgutil
import sys
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
        assembled()()
    except (Refusal, ImproperlyConfigured) as refusal:
        _stop(str(refusal))
    except (OperationalError, ProgrammingError) as error:
        _stop(f"The database does not answer as it should: {error} (Was `tillbook migrate` run?)")
    except DatabaseError as error:
        _stop(f"The database refused: {error}")


def assembled() -> typer.Typer:
    """The `commands` of every module beside this one, as one command.

    Django must be set up before: the modules import models.
    """
    tillbook = typer.Typer(
        help="The credit a shop owes its customers, and the refunds that pay it out.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for module in pkgutil.iter_modules(cli.__path__):
        if module.name != "main":
            tillbook.add_typer(import_module(f"tillbook.cli.{module.name}").commands)
    return tillbook


def _stop(message: str) -> None:
    print(" ".join(message.split()), file=sys.stderr)
    raise SystemExit(1)
