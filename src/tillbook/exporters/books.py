"""The export of the books: a period, a format, an account for each name."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import BinaryIO

from tillbook.common.errors import InvalidInput
from tillbook.exporters import beancount, hledger, journal_csv
from tillbook.exporters.account_mapping import AccountMapping, Format
from tillbook.exporters.journal import Journal


def rendered(
    journal: Journal, format: Format, mapping: AccountMapping, *, continues: bool = False
) -> Iterator[str]:
    """The file, line by line; the same bytes at every call. Raises InvalidInput.

    One that `continues` the period before opens no account and repeats no balance.
    """
    match format:
        case Format.BEANCOUNT:
            return beancount.lines(journal, mapping, continues=continues)
        case Format.HLEDGER:
            return hledger.lines(journal, mapping, continues=continues)
        case Format.XERO:
            return journal_csv.xero(journal, mapping)
        case Format.QUICKBOOKS:
            return journal_csv.quickbooks(journal, mapping)


def write(lines: Iterable[str], file: Path) -> int:
    """Write the lines to `file`, or to standard output for "-"; how many. Raises InvalidInput.

    The file appears when it is complete, under the modes of a file that its owner alone reads.
    """
    if str(file) == "-":
        return _write(lines, sys.stdout.buffer)
    try:
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.", suffix=".part")
        part = Path(name)
        try:
            with os.fdopen(handle, "wb") as out:
                written = _write(lines, out)
                out.flush()
                os.fsync(out.fileno())
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise InvalidInput(f"Can't write {file}: {error.strerror}.", field="output") from error
    return written


def _write(lines: Iterable[str], out: BinaryIO) -> int:
    written = 0
    for line in lines:
        out.write(line.encode())
        written += 1
    return written
