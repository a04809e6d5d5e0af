"""The returns of all states, the newest first."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0004_lists"),
        ("orders", "0004_find_by_beginning"),
        ("returns", "0002_fewer_indexes"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="rma",
            index=models.Index(fields=["-opened_at"], name="rma_opened"),
        ),
    ]
