"""The keys that are made once per data folder: one signs sessions, one seals account numbers."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

from tillbook.common import sealing
from tillbook.common.errors import InvalidInput

_ACCOUNT_KEYS = "account.keys"


def kept_secret_key(data_dir: Path) -> str:
    """The key in `data_dir`/secret.key."""
    return _kept(data_dir / "secret.key", lambda: secrets.token_urlsafe(64))


def kept_account_keys(data_dir: Path) -> list[str]:
    """The keys in `data_dir`/account.keys, a line each, the one that seals first."""
    return _kept(data_dir / _ACCOUNT_KEYS, sealing.new_key).split()


def keep_account_keys(data_dir: Path, keys: list[str]) -> None:
    """Put these keys in the place of those in `data_dir`/account.keys, at once."""
    aside = _written_aside(data_dir / _ACCOUNT_KEYS, "\n".join(keys))
    aside.replace(data_dir / _ACCOUNT_KEYS)
    # Rows may be sealed with the new key on another machine before this one's folder is on its disk.
    folder = os.open(data_dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def account_keys_held(data_dir: Path) -> Iterator[None]:
    """Let nobody else who asks for this change the keys meanwhile. Raises InvalidInput if somebody does."""
    with (data_dir / f".{_ACCOUNT_KEYS}.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise InvalidInput("The account keys are being changed by another process.") from None
        yield


def _kept(path: Path, make: Callable[[], str]) -> str:
    """What the file holds; made on first use, readable by its owner alone.

    Two processes that start at once agree on one key: it is written aside and linked
    into place whole, and whoever comes second reads the first one's.
    """
    try:
        if not path.exists():
            _make(path, make())
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ImproperlyConfigured(
            f"The key in {path} can't be read or made ({error}). "
            "The data folder must belong to the user that Tillbook runs as, on a disk that has hard links."
        ) from error


def _make(path: Path, text: str) -> None:
    aside = _written_aside(path, text)
    try:
        os.link(aside, path)
    except FileExistsError:
        return  # another process was first; its key is the key
    finally:
        aside.unlink()


def _written_aside(path: Path, text: str) -> Path:
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    return aside
