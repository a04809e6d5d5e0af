from django.db import migrations, models

# The order in which credits are used, those with nothing left not among them.
_IN_ORDER = (
    "CREATE INDEX credit_in_order ON credit_credit "
    "(customer_id, currency, (expires_at IS NULL), expires_at, issued_at, id) WHERE usable"
)
_SPENT = (
    "UPDATE credit_credit SET usable = FALSE WHERE EXISTS (SELECT 1 FROM ledger_account AS a "
    "WHERE a.customer_id = credit_credit.customer_id AND a.id = credit_credit.id "
    "AND a.posted_minor = a.held_minor)"
)


class Migration(migrations.Migration):
    dependencies = [
        ("credit", "0002_sources"),
    ]

    operations = [
        migrations.AddField(
            model_name="credit",
            name="usable",
            field=models.BooleanField(default=True),
        ),
        migrations.RunSQL(_SPENT, migrations.RunSQL.noop),
        migrations.RunSQL(_IN_ORDER, "DROP INDEX credit_in_order"),
    ]
