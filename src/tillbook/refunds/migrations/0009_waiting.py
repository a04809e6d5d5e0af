"""What waits to be completed, added up from an index alone."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refunds", "0008_when_completed")]
    operations = [
        migrations.AddIndex(
            "refund",
            models.Index(
                fields=["currency", "kind", "method", "payout", "amount_minor", "status"],
                name="refund_waiting",
                condition=models.Q(("status__in", ["requested", "approved"])),
            ),
        ),
    ]
