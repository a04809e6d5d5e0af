"""SQLite's REPLACE deletes without firing the triggers that refuse deletion: refuse it itself (R2)."""

from django.db import migrations

_REFUSE_REPLACE = """
CREATE TRIGGER ledger_transfer_no_replace BEFORE INSERT ON ledger_transfer
WHEN EXISTS (SELECT 1 FROM ledger_transfer AS old WHERE old.customer_id = NEW.customer_id
             AND old.account_id = NEW.account_id AND old.seq = NEW.seq)
  OR EXISTS (SELECT 1 FROM ledger_transfer AS old WHERE old.customer_id = NEW.customer_id
             AND old.key = NEW.key AND old.part = NEW.part)
  OR EXISTS (SELECT 1 FROM ledger_transfer AS old WHERE old.customer_id = NEW.customer_id
             AND old.account_id = NEW.account_id AND old.hold_seq = NEW.hold_seq)
BEGIN SELECT RAISE(ABORT, 'ledger_transfer is append-only: correct it by another row'); END
"""


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(_REFUSE_REPLACE, params=None)


class Migration(migrations.Migration):
    dependencies = [("ledger", "0003_sources")]
    operations = [migrations.RunPython(protect)]
