"""Refunds that were paid before this was kept beside them: the day is when they were resolved, or, where the
money came back later, what their event says.
"""

from django.db import migrations

_PAID = "UPDATE refunds_refund SET completed_at = resolved_at WHERE status = 'completed'"
_CAME_BACK = (
    "UPDATE refunds_refund SET completed_at = (SELECT min(e.recorded_at) FROM events_event AS e "
    "WHERE e.subject = 'RF-' || CAST(refunds_refund.id + 1000 AS text) "
    "AND e.customer_id = refunds_refund.customer_id AND e.action = 'refund.completed') "
    "WHERE status = 'failed'"
)


class Migration(migrations.Migration):
    dependencies = [
        ("events", "0001_initial"),
        ("refunds", "0007_receipts"),
    ]

    operations = [migrations.RunSQL([_PAID, _CAME_BACK], migrations.RunSQL.noop)]
