"""Reading a CSV file that may be compressed, row by row, so that every complaint names its row."""

from __future__ import annotations

import csv
import gzip
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

from tillbook.common.errors import Refusal

_GZIP_MAGIC = b"\x1f\x8b"
# Longer than any line of a file of this kind; it bounds memory whatever the file holds.
_LONGEST_LINE = 1_000_000


class UnreadableFile(Refusal):
    """The file is not what its name or the command says. The message is one line."""

    code = "unreadable_file"
    status = 422


class DelimitedFile:
    """An open CSV file in UTF-8 with a header row; iterate over it once.

    Yields (row, fields): `row` is the line of the file on which the row ends; the header
    is row 1. Raises UnreadableFile, naming the row, for anything that can't be read.
    """

    def __init__(self, path: Path, header: Sequence[str]) -> None:
        self._name = path.name
        self._header = list(header)
        self._line = 0
        try:
            self._raw: BinaryIO = path.open("rb")
        except OSError as error:
            raise UnreadableFile(f"{path}: {error.strerror or error}.") from error
        self.size_bytes = path.stat().st_size
        try:
            self._stream = self._decompressed(path)
        except UnreadableFile:
            self._raw.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stream.close()
        self._raw.close()  # a GzipFile leaves the file below it open

    @property
    def position_bytes(self) -> int:
        """How far the file itself, compressed or not, has been read."""
        return self._raw.tell()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(self._lines(), strict=True)
        try:
            self._check_header(next(reader, None))
            for fields in reader:
                if fields:  # an empty line is no row
                    yield self._line, fields
        except csv.Error as error:
            raise self._unreadable(f"row {self._line}: not valid CSV: {error}") from error

    def _decompressed(self, path: Path) -> BinaryIO:
        magic = self._raw.read(2)
        self._raw.seek(0)
        if not magic:
            raise self._unreadable("the file is empty")
        if magic == _GZIP_MAGIC:
            # GzipFile reads `mode="rb"` like any binary file; its own class only says so less plainly.
            return gzip.GzipFile(fileobj=self._raw, mode="rb")  # type: ignore[return-value]
        if path.suffix.lower() == ".gz":
            raise self._unreadable("its name ends in .gz, but it is not a gzip file")
        return self._raw

    def _lines(self) -> Iterator[str]:
        """The file's lines as text. Decoded one by one, so that a bad byte's row is known."""
        for raw in iter(self._next_line, b""):
            self._line += 1
            try:
                yield raw.decode("utf-8-sig" if self._line == 1 else "utf-8")
            except UnicodeDecodeError as error:
                raise self._unreadable(f"row {self._line}: not UTF-8 text; save the file as UTF-8") from error

    def _next_line(self) -> bytes:
        read: Callable[[int], bytes] = self._stream.readline
        try:
            line = read(_LONGEST_LINE)
        except (gzip.BadGzipFile, EOFError, zlib.error) as error:
            raise self._unreadable(f"row {self._line + 1}: the gzip file is damaged or cut off") from error
        if len(line) == _LONGEST_LINE:
            raise self._unreadable(f"row {self._line + 1}: the line is too long for a CSV file of this kind")
        return line

    def _check_header(self, fields: list[str] | None) -> None:
        if fields is None:
            raise self._unreadable("the file is empty")
        if [field.strip() for field in fields] != self._header:
            raise self._unreadable(f"row 1: the header must be {','.join(self._header)}")

    def _unreadable(self, what: str) -> UnreadableFile:
        return UnreadableFile(f"{self._name}: {what}.")
