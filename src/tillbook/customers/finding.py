"""Finding customers by words, among a million as among ten.

Each customer has one text of all that is searched. PostgreSQL indexes its trigrams, SQLite keeps them in a
full-text table of its own, which triggers fill. A word of three letters or more may stand anywhere in the
text; a shorter one, of which there are no trigrams, must begin a word.

On PostgreSQL longer words are looked up by pieces of five letters: among a million customers it reads a
trigram's hundred thousand for some milliseconds, a piece's few in none.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from django.db import connection
from django.db.models import BooleanField, Q, QuerySet, Value
from django.db.models.expressions import RawSQL
from django.db.models.functions import StrIndex
from django.db.models.lookups import GreaterThan

from tillbook.common import statements
from tillbook.customers.models import Customer

_MOST_WORDS = 10
_FEW = 1_000  # so many are sorted in no time; where more match, a walk in order soon has a page
_TRIGRAM = 3
_PIECE = 5
_ROWS = re.compile(r" rows=([0-9]+) ")
_MOST_PIECES = 8  # of one word; they only lead to whom to look at


def matching(customers: QuerySet[Customer], q: str) -> QuerySet[Customer]:
    """Those of `customers` in whom each word of `q` is found, in any letter case."""
    if not _words(q):
        return customers
    ids = few_found(q)
    return customers.filter(pk__in=ids) if ids is not None else customers.filter(mentioned(q))


def few_found(q: str) -> list[int] | None:
    """The ids of the customers in whom each word of `q` is found; None where those are many, or all."""
    if not _words(q):
        return None
    rows = _by_pieces(q)
    if rows is None:
        rows = Customer.objects.filter(mentioned(q))
    ids = list(rows.values_list("pk", flat=True).order_by()[: _FEW + 1])
    return ids if len(ids) <= _FEW else None


def _by_pieces(q: str) -> QuerySet[Customer] | None:
    """The same customers by the pieces of the longer words.

    None where there are no pieces, no such index, or so many customers that looking is sooner done.
    """
    words = _words(q)
    pieces = [piece for word in words for piece in _pieces(word)]
    if not pieces or not statements.is_postgresql():
        return None
    quoted = " & ".join("'" + each.replace("\\", "\\\\").replace("'", "''") + "'" for each in pieces)
    if _expected(quoted) > _FEW:
        return None
    # Not by LIKE: its index would be read as well.
    stands = [GreaterThan(StrIndex("searched", Value(_standing(word))), 0) for word in words]
    has_pieces = RawSQL(
        "customer_pieces(customers_customer.searched) @@ %s::tsquery", [quoted], BooleanField()
    )
    return Customer.objects.filter(has_pieces, *stands)


def _expected(pieces: str) -> int:
    """How many customers the database expects to have these pieces. It knows the common ones."""
    with connection.cursor() as cursor:
        cursor.execute(
            "EXPLAIN SELECT FROM customers_customer WHERE customer_pieces(searched) @@ %s::tsquery", [pieces]
        )
        found = _ROWS.search(cursor.fetchone()[0])
    return 0 if found is None else int(found[1])


def _pieces(word: str) -> Iterator[str]:
    """Pieces that, one behind the other, are in whatever holds the word; none for a short one."""
    if len(word) < _PIECE:
        return
    yield word[-_PIECE:]  # the end of a number says more than its beginning
    for place in range(0, len(word) - _PIECE, _PIECE)[: _MOST_PIECES - 1]:
        yield word[place : place + _PIECE]


def _words(q: str) -> list[str]:
    return q.lower().split()[:_MOST_WORDS]


def mentioned(q: str, path: str = "") -> Q:
    """The condition that each word of `q` is in the customer; `path` leads there from another model.

    For a walk through rows in their order, which soon has a page where many match.
    """
    words = _words(q)
    if not statements.is_postgresql():
        match = " AND ".join(_phrase(word) for word in words)
        ids = RawSQL("SELECT rowid FROM customers_search WHERE customers_search MATCH %s", [match])
        return Q(**{f"{path}pk__in": ids})
    found = Q()
    for word in words:
        found &= Q(**{f"{path}searched__contains": _standing(word)})
    return found


def _standing(word: str) -> str:
    """The word as it stands in the text: one of fewer letters than a trigram begins a word."""
    return word if len(word) >= _TRIGRAM else f" {word}"


def _phrase(word: str) -> str:
    quoted = word.rjust(_TRIGRAM).replace('"', '""')
    return f'"{quoted}"'
