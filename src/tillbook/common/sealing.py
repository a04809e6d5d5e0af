"""Texts that the database keeps sealed: whoever takes it away, or reads a backup, reads none of them.

The keys stand outside the database, and are asked for each time: the first one seals, all of them
open, so that a key can be changed while the shop is open.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from django.conf import settings

#: What stands for a text that can't be opened. Nobody types it.
UNREADABLE = "\N{REPLACEMENT CHARACTER} can't be opened"

_MARKING = b"tillbook account mark"  # what a mark's own key is made for
_READ_ONCE: ContextVar[tuple[str, ...] | None] = ContextVar("_READ_ONCE", default=None)


def new_key() -> str:
    """A key to seal with, 32 random bytes in base64."""
    return Fernet.generate_key().decode()


def check_key(key: str) -> str:
    """Return `key` if it can seal. Raises ValueError."""
    Fernet(key)
    return key


def seal(text: str) -> str:
    """The text sealed, another time each time; the empty text stays what it is.

    Raises ValueError for UNREADABLE: what stands there must not be lost for good.
    """
    if text == UNREADABLE:
        raise ValueError("None of the account keys opens a sealed text.")
    return _box(_keys()).encrypt(text.encode()).decode() if text else ""


def unseal(sealed: str) -> str:
    """The text again; UNREADABLE where none of the keys sealed it, or somebody wrote over it."""
    if not sealed:
        return ""
    try:
        return _box(_keys()).decrypt(sealed).decode()
    except (InvalidToken, ValueError):  # the latter for what is not ASCII
        return UNREADABLE


def mark(text: str) -> str:
    """What equal texts have in common and nobody without the key can make: an HMAC-SHA256, in hex."""
    return _mark(text, _keys()[0]) if text else ""


def marks(text: str) -> list[str]:
    """The mark of the text by each key, while some rows still have the one of an older key."""
    return [_mark(text, key) for key in _keys()] if text else []


@contextmanager
def keys_read_once() -> Iterator[None]:
    """Within it the keys stay those of its beginning: for opening very many texts, and sealing none."""
    token = _READ_ONCE.set(_keys())
    try:
        yield
    finally:
        _READ_ONCE.reset(token)


def _keys() -> tuple[str, ...]:
    return _READ_ONCE.get() or tuple(settings.TILLBOOK_ACCOUNT_KEYS())


@lru_cache(maxsize=4)
def _box(keys: tuple[str, ...]) -> MultiFernet:
    return MultiFernet([Fernet(key) for key in keys])


def _mark(text: str, key: str) -> str:
    return hmac.digest(_marking_key(key), text.encode(), "sha256").hex()


@lru_cache(maxsize=4)
def _marking_key(key: str) -> bytes:
    return hmac.digest(key.encode(), _MARKING, "sha256")
