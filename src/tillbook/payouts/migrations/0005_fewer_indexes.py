"""The indexes that Django makes for `LIKE` beside a unique text on PostgreSQL: nobody asks so."""

from django.db import migrations

from tillbook.common.indexes import drop_index_on


class Migration(migrations.Migration):
    dependencies = [("payouts", "0004_gateways")]
    operations = [
        drop_index_on("payouts_gatewayaccount", "gateway", vendor="postgresql"),
        drop_index_on("payouts_sending", "key", vendor="postgresql"),
    ]
