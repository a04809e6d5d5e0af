"""An index is written to with every row: each must be one that nothing else can stand for."""

from __future__ import annotations

import pytest
from django.apps import apps
from django.db import connection

from tillbook.ledger.models import Account, Balance

OWN_TABLES = sorted(
    model._meta.db_table
    for model in apps.get_models(include_auto_created=True)
    if model.__module__.startswith("tillbook.")
)


# In the order of bytes, for texts that begin with something; the unique one is in a language's.
BY_BYTES = {"order_number_beginning"}


def indexes_of(table: str) -> dict[str, dict[str, object]]:
    with connection.cursor() as cursor:
        found = connection.introspection.get_constraints(cursor, table)
    # That of an expression has no columns on PostgreSQL, and a nameless one on SQLite.
    return {
        name: what
        for name, what in found.items()
        if what["columns"] and None not in what["columns"] and (what["index"] or what["unique"])
    }


@pytest.mark.parametrize("table", OWN_TABLES)
@pytest.mark.django_db
def test_no_index_is_the_beginning_of_another(table: str) -> None:
    indexes = indexes_of(table)
    needless = [
        (name, other)
        for name, what in indexes.items()
        for other, longer in indexes.items()
        if name != other
        and name not in BY_BYTES
        and not (what["unique"] or what["primary_key"])
        and longer["columns"][: len(what["columns"])] == what["columns"]
    ]
    assert needless == []


@pytest.mark.parametrize("model", [Account, Balance])
@pytest.mark.django_db
def test_no_index_holds_what_a_spend_changes(model: type[Account] | type[Balance]) -> None:
    held = {column for what in indexes_of(model._meta.db_table).values() for column in what["columns"]}
    assert held <= {field.column for field in model._meta.pk_fields}
