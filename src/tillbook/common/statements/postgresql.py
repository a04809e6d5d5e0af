"""Statements on PostgreSQL, over psycopg's wrapper of libpq.

The statements of one trip are prepared once a connection and sent in libpq's pipeline: the
answers are read when all are sent. psycopg's own cursors do that too, but take longer in Python
than the server takes for the work. A row or a handful are bound value by value; more go as one array a
column, so that every number of rows is the same statement to the server; many new ones go by COPY, whose
end is heard with the next statement: the server stores them while the next are written, or decided.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any
from weakref import WeakKeyDictionary

import psycopg
from psycopg.adapt import PyFormat, Transformer
from psycopg.generators import copy_to, fetch_many, send
from psycopg.pq import ExecStatus, TransactionStatus
from psycopg.waiting import Wait

_COPIED_FROM = 100  # rows
_COPIED_AT_ONCE = 1_000  # rows: the server stores them while the next are written
_BYTES_AT_ONCE = 128 * 1024  # of them: libpq's buffer grows by what it is given, and never shrinks
_COPY_ESCAPES = str.maketrans({"\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t"})
_BOUND_UNTIL = 8  # rows: each count is a statement of its own, which every connection prepares and plans anew

_Asked = Sequence[tuple[str, Sequence[Any]]]  # statements and their parameters
_Rows = list[tuple[Any, ...]]
_Columns = Mapping[str, str]


def wanted(columns: _Columns, rows: Sequence[tuple[Any, ...]]) -> tuple[str, list[Any]]:
    """See `statements.wanted`; `rows` are none or many."""
    names = ", ".join(columns)
    if 0 < len(rows) <= _BOUND_UNTIL:
        return f"(VALUES {_marks(tuple(columns.values()), len(rows))}) AS wanted({names})", _flat(rows)
    arrays = ", ".join(f"%s::{kind}[]" for kind in columns.values())
    return f"unnest({arrays}) AS wanted({names})", _arrays(rows, len(columns))


def read(raw: psycopg.Connection[Any], queries: Sequence[Any]) -> list[_Rows]:
    """See `statements.read`."""
    return _session(raw).run(raw, queries)


def write(raw: psycopg.Connection[Any], changes: Sequence[Any], *, commit: bool) -> None:
    """See `statements.write`."""
    few = []
    for change in changes:
        if not hasattr(change, "key") and len(change.rows) >= _COPIED_FROM and not change.or_nothing:
            write_ahead(raw, change)
        else:
            few.append(_updating(change) if hasattr(change, "key") else _inserting(change))
    if _are_single_rows(changes):
        few = _in_one(few)
    _session(raw).run(raw, few, commit=commit)


def write_ahead(raw: psycopg.Connection[Any], change: Any) -> None:
    """See `statements.write_ahead`."""
    head = f"COPY {change.table} ({', '.join(change.columns)}) FROM STDIN".encode()
    for first in range(0, len(change.rows), _COPIED_AT_ONCE):
        rows = _copied(change.rows[first : first + _COPIED_AT_ONCE]).encode()
        _session(raw).begin_copy(raw, head, rows)


def moment(at: datetime) -> datetime:
    """psycopg takes a moment as it is."""
    return at


def _copied(rows: Sequence[Sequence[Any]]) -> str:
    """The rows in COPY's text format. psycopg writes it row by row, which takes several times as long."""
    columns = [_column(column) for column in zip(*rows, strict=True)]
    return "\n".join(map("\t".join, zip(*columns, strict=True))) + "\n"


def _column(values: Sequence[Any]) -> Iterable[str]:
    kinds = set(map(type, values))
    if kinds == {int}:
        return map(str, values)
    if kinds == {bytes}:
        return [f"\\\\x{value.hex()}" for value in values]
    if kinds <= {str, datetime, int, type(None)} or kinds == {bool}:
        texts = {value: _copied_value(value) for value in set(values)}  # most columns say few things
        return [texts[value] for value in values]
    return map(_copied_value, values)


def _copied_value(value: Any) -> str:
    if value is None:
        return "\\N"
    if isinstance(value, bool):
        return "t" if value else "f"
    if isinstance(value, bytes | memoryview):
        return f"\\\\x{value.hex()}"
    text = str(value)
    return text if text.isprintable() and "\\" not in text else text.translate(_COPY_ESCAPES)


def _inserting(change: Any) -> tuple[str, Sequence[Any]]:
    head = f"INSERT INTO {change.table} ({', '.join(change.columns)})"
    tail = " ON CONFLICT DO NOTHING" if change.or_nothing else ""
    kinds = tuple(change.columns.values())
    if len(change.rows) <= _BOUND_UNTIL:
        return f"{head} VALUES {_marks(kinds, len(change.rows))}{tail}", _flat(change.rows)
    arrays = ", ".join(f"%s::{kind}[]" for kind in kinds)
    return f"{head} SELECT * FROM unnest({arrays}){tail}", _arrays(change.rows, len(kinds))


def _updating(change: Any) -> tuple[str, Sequence[Any]]:
    table, rows = change.table, change.rows
    if len(rows) == 1:
        before = "{0} + " if change.add else ""
        values = ", ".join(f"{name} = {before.format(name)}%s" for name in change.columns)
        same = " AND ".join(f"{name} = %s" for name in change.key)
        width = len(change.key)
        return f"UPDATE {table} SET {values} WHERE {same}", [*rows[0][width:], *rows[0][:width]]
    source, parameters = wanted({**change.key, **change.columns}, rows)
    before = f"{table}.{{0}} + " if change.add else ""
    values = ", ".join(f"{name} = {before.format(name)}wanted.{name}" for name in change.columns)
    same = " AND ".join(f"{table}.{name} = wanted.{name}" for name in change.key)
    return f"UPDATE {table} SET {values} FROM {source} WHERE {same}", parameters


def _are_single_rows(changes: Sequence[Any]) -> bool:
    """Whether each is of one row, in its own table: parts of one statement see nothing of each other."""
    tables = {change.table for change in changes}
    return len(tables) == len(changes) and all(len(change.rows) == 1 for change in changes)


def _in_one(asked: _Asked) -> list[tuple[str, Sequence[Any]]]:
    """The changes of single rows as one statement: that costs the server half as much."""
    if len(asked) < 2:
        return list(asked)
    return [(_with_all(tuple(text for text, _ in asked)), _flat(parameters for _, parameters in asked))]


@lru_cache(maxsize=256)
def _with_all(texts: tuple[str, ...]) -> str:
    *first, last = texts
    return f"WITH {', '.join(f'change_{place} AS ({text})' for place, text in enumerate(first))} {last}"


@lru_cache(maxsize=1024)
def _marks(kinds: tuple[str, ...], rows: int) -> str:
    """The marks of so many rows. The first row says what all are."""
    first = ", ".join(f"%s::{kind}" for kind in kinds)
    other = ", ".join(["%s"] * len(kinds))
    return ", ".join([f"({first})", *[f"({other})"] * (rows - 1)])


def _flat(rows: Iterable[Sequence[Any]]) -> list[Any]:
    return list(itertools.chain.from_iterable(rows))


def _arrays(rows: Sequence[Sequence[Any]], width: int) -> list[str]:
    """Each column as PostgreSQL writes an array. psycopg does the same, several times slower."""
    return [_array(column) for column in zip(*rows, strict=True)] or ["{}"] * width


def _array(values: Sequence[Any]) -> str:
    kinds = set(map(type, values))
    if kinds == {str}:
        text = '","'.join(values)
        if "\\" not in text and text.count('"') == 2 * (len(values) - 1):  # nothing to escape
            return f'{{"{text}"}}'
    if kinds == {bytes}:
        text = '","\\\\x'.join(map(bytes.hex, values))
        return f'{{"\\\\x{text}"}}'
    if kinds == {datetime}:
        texts = {value: _element(value) for value in set(values)}  # few, and each takes its time to write
        return f"{{{','.join(map(texts.__getitem__, values))}}}"
    return f"{{{','.join(map(_element, values))}}}"


def _element(value: Any) -> str:
    kind = type(value)
    if kind is int:
        return str(value)
    if value is None:
        return "NULL"
    if kind is bool:
        return "t" if value else "f"
    text = f"\\x{value.hex()}" if isinstance(value, bytes | memoryview) else str(value)
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


class _Session:
    """What is kept with one connection: its prepared statements, and how values are written on it."""

    def __init__(self, raw: psycopg.Connection[Any]) -> None:
        self._transformer = Transformer(raw)
        self._prepared: dict[str, bytes] = {}
        self._numbers = itertools.count(1)
        self._copies = False  # a COPY was sent, and how it ended not heard

    def run(
        self,
        raw: psycopg.Connection[Any],
        asked: Sequence[tuple[str, Sequence[Any]]],
        *,
        commit: bool = False,
    ) -> list[_Rows]:
        """Send all statements, then read all answers; the rows of each.

        They run in a transaction, which the first of them begins, unless the connection is in
        autocommit. What the database refuses is raised; nothing after it was done.
        """
        with raw.lock:
            pgconn = raw.pgconn
            begin = not raw.autocommit and pgconn.transaction_status == TransactionStatus.IDLE
            trip = [*([("BEGIN", ())] if begin else ()), *asked, *([("COMMIT", ())] if commit else ())]
            values = [self._dumped(parameters) for _, parameters in trip]
            new = [text for text in dict.fromkeys(text for text, _ in trip) if text not in self._prepared]
            self._end_copy(raw)
            results = _whole(raw, self._exchange(pgconn, new, [text for text, _ in trip], values))
            pgconn.exit_pipeline_mode()
            self._refuse_errors(raw, trip, new, results)
            first = len(results) - 1 - len(trip) + begin
            return [self._rows(results[first + place]) for place in range(len(asked))]

    def begin_copy(self, raw: psycopg.Connection[Any], head: bytes, rows: bytes) -> None:
        """Hand over rows in COPY's text format; what the server makes of them, the next call hears."""
        if not raw.autocommit and raw.pgconn.transaction_status == TransactionStatus.IDLE:
            self.run(raw, [])  # which begins one
        with raw.lock:
            self._end_copy(raw)
            _refuse(raw, _whole(raw, _copy(raw.pgconn, head, rows)), ExecStatus.COPY_IN)
            self._copies = True

    def _end_copy(self, raw: psycopg.Connection[Any]) -> None:
        """Hear how the COPY that was sent ended. Raises what the server refused."""
        if self._copies:
            self._copies = False
            _refuse(raw, _whole(raw, _answer(raw.pgconn)), ExecStatus.COMMAND_OK)

    def _exchange(self, pgconn: Any, new: Sequence[str], texts: Sequence[str], values: Sequence[Any]) -> Any:
        """A psycopg generator: the answers to what has to be prepared, to the statements, and to the end."""
        pgconn.enter_pipeline_mode()
        for text in new:
            self._prepared[text] = f"tillbook_{next(self._numbers)}".encode()
            pgconn.send_prepare(self._prepared[text], _numbered(text))
        for text, bound in zip(texts, values, strict=True):
            pgconn.send_query_prepared(self._prepared[text], bound)
        expected = len(new) + len(texts) + 1
        pgconn.pipeline_sync()
        yield from send(pgconn)  # reads too: or else both sides could wait for the other to read
        results = []
        for _ in range(expected):
            results.append((yield from fetch_many(pgconn))[0])  # noqa: PERF401 - it yields
        return results

    def _dumped(self, parameters: Sequence[Any]) -> Sequence[Any]:
        return self._transformer.dump_sequence(parameters, [PyFormat.TEXT] * len(parameters))

    def _refuse_errors(
        self, raw: psycopg.Connection[Any], trip: _Asked, new: Iterable[str], results: Sequence[Any]
    ) -> None:
        for result in results:
            if result.status == ExecStatus.FATAL_ERROR:
                error = psycopg.errors.error_from_result(result, encoding=raw.info.encoding)
                outdated = isinstance(error, psycopg.errors.FeatureNotSupported)  # the table was altered
                # What was new may never have been prepared: the rest of a trip is passed over.
                for text in [text for text, _ in trip] if outdated else new:
                    self._prepared.pop(text, None)
                raise error

    def _rows(self, result: Any) -> _Rows:
        if not result.ntuples:
            return []
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)


def _whole(raw: psycopg.Connection[Any], exchange: Any) -> Any:
    """What a psycopg generator gives, run to its end."""
    try:
        return raw.wait(exchange)
    except BaseException:
        # Answers are still on the wire: nobody can use this connection any more.
        raw.pgconn.finish()
        raise


def _copy(pgconn: Any, head: bytes, rows: bytes) -> Any:
    """A psycopg generator: sends a COPY and its rows, as far as the server takes them in at once."""
    pgconn.send_query(head)
    begun = yield from _answer(pgconn)
    if begun.status == ExecStatus.COPY_IN:
        for first in range(0, len(rows), _BYTES_AT_ONCE):
            yield from copy_to(pgconn, rows[first : first + _BYTES_AT_ONCE], flush=False)
        while not pgconn.put_copy_end():
            yield Wait.W
        pgconn.flush()
    return begun


def _answer(pgconn: Any) -> Any:
    """A psycopg generator: sends what is left to send, and gives the one answer to it."""
    yield from send(pgconn)
    return (yield from fetch_many(pgconn))[0]


def _refuse(raw: psycopg.Connection[Any], result: Any, unless: ExecStatus) -> None:
    if result.status != unless:
        raise psycopg.errors.error_from_result(result, encoding=raw.info.encoding)


@lru_cache(maxsize=4096)
def _numbered(statement: str) -> bytes:
    """The statement with $1, $2 ... for its marks."""
    first, *rest = statement.split("%s")
    return "".join([first, *(f"${number}{text}" for number, text in enumerate(rest, 1))]).encode()


_sessions: WeakKeyDictionary[psycopg.Connection[Any], _Session] = WeakKeyDictionary()


def _session(raw: psycopg.Connection[Any]) -> _Session:
    session = _sessions.get(raw)
    if session is None:
        session = _sessions[raw] = _Session(raw)
    return session
