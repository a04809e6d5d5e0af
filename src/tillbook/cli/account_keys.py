"""Commands about the keys that seal account numbers."""

from __future__ import annotations

import typer
from django.conf import settings

from tillbook.cli.output import AsJson, say
from tillbook.common import sealing
from tillbook.common.errors import InvalidInput
from tillbook.common.key_files import account_keys_held, keep_account_keys
from tillbook.common.resealing import Closed
from tillbook.common.resealing import reseal as reseal_all

commands = typer.Typer(
    name="account-key", help="The keys that seal account numbers in the database.", no_args_is_help=True
)


@commands.command()
def new(as_json: AsJson = False) -> None:
    """Print a new key, for TILLBOOK_ACCOUNT_KEYS. It changes nothing."""
    key = sealing.new_key()
    say(key, {"key": key}, as_json=as_json)


@commands.command()
def reseal(as_json: AsJson = False) -> None:
    """Seal all that is sealed with the key that stands first; older keys are needed no more after it."""
    _say_resealed(as_json=as_json)


@commands.command()
def rotate(as_json: AsJson = False) -> None:
    """Make a new key in the data folder and seal all that is sealed with it.

    The key in use until now stays behind it, for what is being written at this moment; those before it go.
    """
    if not settings.TILLBOOK_ACCOUNT_KEYS_KEPT:
        raise InvalidInput(
            "The keys are in TILLBOOK_ACCOUNT_KEYS: put a new one before them, restart what runs, "
            "and run `tillbook account-key reseal`."
        )
    with account_keys_held(settings.DATA_DIR):
        older = settings.TILLBOOK_ACCOUNT_KEYS()
        key = sealing.new_key()
        keep_account_keys(settings.DATA_DIR, [key, *older])
        # Only when nothing is sealed with them any more may they go: an interrupted turn leaves all of them.
        _say_resealed(as_json=as_json)
        keep_account_keys(settings.DATA_DIR, [key, older[0]])


def _say_resealed(*, as_json: bool) -> None:
    try:
        count = reseal_all()
    except Closed as error:
        raise InvalidInput(str(error)) from error
    told = "1 row is" if count == 1 else f"{count:,} rows are"
    say(f"{told} sealed with the first key.", {"resealed": count}, as_json=as_json)
