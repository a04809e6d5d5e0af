"""A customer's transfers in the order in which they were recorded, whichever credits they went through."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("ledger", "0006_fewer_indexes")]
    operations = [
        migrations.AddIndex(
            model_name="transfer",
            index=models.Index(
                fields=["customer_id", "recorded_at", "account_id", "seq"], name="transfer_of_customer"
            ),
        ),
    ]
