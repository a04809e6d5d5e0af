"""The queue of all states, oldest first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0004_lists"),
        ("refunds", "0002_fewer_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="refund",
            index=models.Index(fields=["requested_at"], name="refund_requested"),
        ),
    ]
