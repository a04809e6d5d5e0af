from django.db import migrations, models

_OVERPAID = (
    "CREATE INDEX credit_overpaid ON credit_credit (issued_at, id) "
    "WHERE source = 'overpayment' AND usable AND kept_at IS NULL"
)


class Migration(migrations.Migration):
    dependencies = [("credit", "0005_snapshots")]
    operations = [
        migrations.AddField(
            model_name="credit",
            name="kept_at",
            field=models.DateTimeField(null=True),
        ),
        migrations.RunSQL(_OVERPAID, "DROP INDEX credit_overpaid"),
    ]
