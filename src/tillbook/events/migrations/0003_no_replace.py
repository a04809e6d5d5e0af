"""SQLite's REPLACE deletes without firing the triggers that refuse deletion: refuse it itself (R9)."""

from django.db import migrations

_REFUSE_REPLACE = """
CREATE TRIGGER events_event_no_replace BEFORE INSERT ON events_event
WHEN EXISTS (SELECT 1 FROM events_event AS old WHERE old.id = NEW.id)
  OR EXISTS (SELECT 1 FROM events_event AS old
             WHERE old.customer_id = NEW.customer_id AND old.key = NEW.key)
BEGIN SELECT RAISE(ABORT, 'events_event is append-only'); END
"""


def protect(apps, schema_editor):
    if schema_editor.connection.vendor == "sqlite":
        schema_editor.execute(_REFUSE_REPLACE, params=None)


class Migration(migrations.Migration):
    dependencies = [("events", "0002_append_only")]
    operations = [migrations.RunPython(protect)]
