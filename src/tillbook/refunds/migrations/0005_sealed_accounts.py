"""Seal the account numbers that are there."""

from __future__ import annotations

from typing import Any, ClassVar

from django.db import migrations, models

from tillbook.common.sealed_field import SealedField
from tillbook.common.sealing import mark, seal

_PIECE = 1_000  # rows


def seal_all(apps: Any, schema_editor: Any) -> None:
    connection = schema_editor.connection
    last = 0
    while True:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT id, bank_account FROM refunds_refund WHERE id > %s ORDER BY id LIMIT %s",
                [last, _PIECE],
            )
            rows = cursor.fetchall()
            cursor.executemany(
                "UPDATE refunds_refund SET bank_account = %s, account_mark = %s WHERE id = %s",
                [(seal(text), mark(plain(text)), number) for number, text in rows if text],
            )
        if not rows:
            return
        last = rows[-1][0]


def plain(text: str) -> str:
    """Without what people put between the digits, as later refunds are marked."""
    return "".join(each for each in text.upper() if each.isalnum())


class Migration(migrations.Migration):
    dependencies: ClassVar = [("refunds", "0004_open_lists")]

    operations: ClassVar = [
        migrations.AlterField("refund", "bank_account", SealedField(blank=True)),
        migrations.AddField(
            "refund",
            "account_mark",
            models.CharField(blank=True, max_length=64, default=""),
            preserve_default=False,
        ),
        migrations.RunPython(seal_all, migrations.RunPython.noop, elidable=True),
        migrations.AddIndex(
            "refund",
            models.Index(
                fields=["account_mark"],
                name="refund_account",
                condition=models.Q(("account_mark", ""), _negated=True),
            ),
        ),
    ]
