"""What has waited too long is added up from the same index as all that waits."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("refunds", "0012_sending")]
    operations = [
        migrations.RemoveIndex("refund", "refund_waiting"),
        migrations.AddIndex(
            "refund",
            models.Index(
                fields=[
                    "currency",
                    "kind",
                    "method",
                    "payout",
                    "sending",
                    "requested_at",
                    "amount_minor",
                    "status",
                ],
                name="refund_waiting",
                condition=models.Q(("status__in", ["requested", "approved"])),
            ),
        ),
    ]
