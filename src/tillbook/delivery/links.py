"""The address in a mail that stops mails of its kind."""

from __future__ import annotations

from typing import NamedTuple

from django.conf import settings
from django.core.signing import BadSignature, Signer

from tillbook.common.mail_kinds import OPTIONAL

_SALT = "tillbook.mails.stop"


class Stopped(NamedTuple):
    """What a link to stop mails stands for."""

    customer_id: int
    kind: str


def stop_token(customer_id: int, kind: str) -> str:
    """The text that lets whoever has it stop mails of that kind to that customer, and nothing else."""
    return Signer(salt=_SALT).sign(f"{customer_id}.{kind}")


def stop_address(customer_id: int, kind: str) -> str:
    """Where the customer stops mails of that kind; empty where the shop has not said what its address is."""
    base = str(settings.TILLBOOK_ADDRESS)
    return f"{base}/mails/stop/{stop_token(customer_id, kind)}/" if base else ""


def read_stop(token: str) -> Stopped | None:
    """What the token stands for; None if the shop did not make it."""
    try:
        customer_id, _, kind = Signer(salt=_SALT).unsign(token).partition(".")
    except BadSignature:
        return None
    return Stopped(int(customer_id), kind) if kind in OPTIONAL else None


def refund_page(number: str) -> str:
    """The refund's page in the panel; empty where the shop has not said what its address is."""
    base = str(settings.TILLBOOK_ADDRESS)
    return f"{base}/refunds/{number}/" if base else ""
