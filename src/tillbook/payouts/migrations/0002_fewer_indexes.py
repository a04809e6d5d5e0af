"""The indexes that Django makes for `LIKE` beside a unique text on PostgreSQL: nobody asks so."""

from django.db import migrations

from tillbook.common.indexes import drop_index_on


class Migration(migrations.Migration):
    dependencies = [("payouts", "0001_initial")]
    operations = [
        drop_index_on("payouts_source", "name", vendor="postgresql"),
        drop_index_on("payouts_payout", "key", vendor="postgresql"),
        drop_index_on("payouts_statement", "digest", vendor="postgresql"),
        drop_index_on("payouts_booking", "key", vendor="postgresql"),
    ]
