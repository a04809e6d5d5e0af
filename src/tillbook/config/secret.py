"""The secret key that signs sessions, made once per data folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path


def kept_secret_key(data_dir: Path) -> str:
    """The key in `data_dir`/secret.key; made on first use, readable by its owner alone.

    Two processes that start at once agree on one key: it is written aside and linked
    into place whole, and whoever comes second reads the first one's.
    """
    path = data_dir / "secret.key"
    if not path.exists():
        _make(path)
    return path.read_text(encoding="ascii").strip()


def _make(path: Path) -> None:
    aside = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(64))
        os.link(aside, path)
    except FileExistsError:
        return  # another process was first; its key is the key
    finally:
        aside.unlink()
