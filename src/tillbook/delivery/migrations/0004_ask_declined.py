from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("delivery", "0003_mails"),
    ]

    operations = [
        migrations.AlterField(
            model_name="mail",
            name="kind",
            field=models.CharField(
                choices=[
                    ("credit_issued", "Credit issued"),
                    ("credit_expiring", "Credit about to expire"),
                    ("ask_declined", "Request on their own page declined"),
                    ("refund_requested", "Refund requested"),
                    ("refund_paid", "Refund paid"),
                    ("refund_failed", "Refund failed"),
                    ("approval_waiting", "Refunds wait for approval"),
                ],
                max_length=20,
            ),
        ),
    ]
