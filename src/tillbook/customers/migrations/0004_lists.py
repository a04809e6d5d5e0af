"""Prospects among many customers, by username."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0003_search"),
    ]

    operations = [
        migrations.AddIndex(
            model_name="customer",
            index=models.Index(fields=["kind", "username"], name="customer_kind"),
        ),
    ]
