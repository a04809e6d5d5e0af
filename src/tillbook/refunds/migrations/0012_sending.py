"""The refund knows through which sending it is at a gateway."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("refunds", "0011_charges"),
    ]

    operations = [
        migrations.AddField(
            model_name="refund",
            name="sending",
            field=models.CharField(blank=True, db_default="", default="", max_length=20),
        ),
    ]
