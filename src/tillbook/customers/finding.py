"""Finding customers by words, among a million as among ten.

Each customer has one text of all that is searched. PostgreSQL indexes its trigrams, SQLite keeps them in a
full-text table of its own, which triggers fill. A word of three letters or more may stand anywhere in the
text; a shorter one, of which there are no trigrams, must begin a word.
"""

from __future__ import annotations

from collections.abc import Sequence

from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from tillbook.common import statements
from tillbook.customers.models import Customer

_MOST_WORDS = 10
_FEW = 1_000  # so many are sorted in no time; where more match, a walk in order soon has a page
_TRIGRAM = 3


def matching(customers: QuerySet[Customer], q: str) -> QuerySet[Customer]:
    """Those of `customers` in whom each word of `q` is found, in any letter case."""
    words = q.lower().split()[:_MOST_WORDS]
    if not words:
        return customers
    ids = list(_found(words).values_list("pk", flat=True).order_by()[: _FEW + 1])
    return customers.filter(pk__in=ids) if len(ids) <= _FEW else _found(words, customers)


def _found(words: Sequence[str], among: QuerySet[Customer] | None = None) -> QuerySet[Customer]:
    rows = Customer.objects.all() if among is None else among
    if not statements.is_postgresql():
        match = " AND ".join(_phrase(word) for word in words)
        ids = RawSQL("SELECT rowid FROM customers_search WHERE customers_search MATCH %s", [match])
        return rows.filter(pk__in=ids)
    for word in words:
        rows = rows.filter(searched__contains=word if len(word) >= _TRIGRAM else f" {word}")
    return rows


def _phrase(word: str) -> str:
    quoted = word.rjust(_TRIGRAM).replace('"', '""')
    return f'"{quoted}"'
