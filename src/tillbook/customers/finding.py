"""Finding customers by words, among a million as among ten.

Each customer has one text of all that is searched. PostgreSQL indexes its trigrams, SQLite keeps them in a
full-text table of its own, which triggers fill. A word of three letters or more may stand anywhere in the
text; a shorter one, of which there are no trigrams, must begin a word.
"""

from __future__ import annotations

from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from tillbook.common import statements
from tillbook.customers.models import Customer

_MOST_WORDS = 10
_FEW = 1_000  # so many are sorted in no time; where more match, a walk in order soon has a page
_TRIGRAM = 3


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
    ids = list(Customer.objects.filter(mentioned(q)).values_list("pk", flat=True).order_by()[: _FEW + 1])
    return ids if len(ids) <= _FEW else None


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
        found &= Q(**{f"{path}searched__contains": word if len(word) >= _TRIGRAM else f" {word}"})
    return found


def _phrase(word: str) -> str:
    quoted = word.rjust(_TRIGRAM).replace('"', '""')
    return f'"{quoted}"'
