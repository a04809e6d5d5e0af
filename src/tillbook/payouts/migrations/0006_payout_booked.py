"""A booking knows the payout whose file the bank booked as one sum."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0005_fewer_indexes"),
    ]

    operations = [
        migrations.AddField(
            model_name="booking",
            name="payout",
            field=models.ForeignKey(
                null=True, on_delete=django.db.models.deletion.PROTECT, related_name="+", to="payouts.payout"
            ),
        ),
    ]
