"""On PostgreSQL an index of the pieces of five letters that words are made of.

Three letters in a row have a hundred thousand customers of a million, five only those who are meant: see
`customers.finding`.
"""

from __future__ import annotations

from typing import Any

from django.db import migrations

# Each letter of a word begins a piece; near the word's end pieces reach beyond it, and nobody asks for those.
# The cost is what a call takes beside a comparison: without it the planner would rather call it for each row.
_FUNCTION = """
CREATE OR REPLACE FUNCTION customer_pieces(searched text) RETURNS tsvector
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE COST 1000 AS $$
  SELECT array_to_tsvector(ARRAY(
    SELECT substr(searched, place, 5) FROM generate_series(1, length(searched) - 4) AS place
    WHERE substr(searched, place, 1) <> ' '))
$$
"""
_INDEX = "CREATE INDEX customer_pieces ON customers_customer USING gin (customer_pieces(searched))"


def index(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute(_FUNCTION)
        schema_editor.execute(_INDEX)
        schema_editor.execute("ANALYZE customers_customer")  # how common which piece is


def no_index(_apps: Any, schema_editor: Any) -> None:
    if schema_editor.connection.vendor == "postgresql":
        schema_editor.execute("DROP INDEX IF EXISTS customer_pieces")
        schema_editor.execute("DROP FUNCTION IF EXISTS customer_pieces")


class Migration(migrations.Migration):
    dependencies = [("customers", "0005_no_mails")]
    operations = [migrations.RunPython(index, no_index)]
