"""What customers ask for on their own pages."""

import django.db.models.deletion
from django.db import migrations, models

import tillbook.common.sealed_field


class Migration(migrations.Migration):
    dependencies = [
        ("customers", "0007_own_page"),
        ("refunds", "0009_waiting"),
    ]

    operations = [
        migrations.CreateModel(
            name="Ask",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("waiting", "Waiting"),
                            ("accepted", "Accepted"),
                            ("declined", "Declined"),
                            ("withdrawn", "Withdrawn"),
                        ],
                        default="waiting",
                        max_length=10,
                    ),
                ),
                ("currency", models.CharField(max_length=3)),
                ("amount_minor", models.BigIntegerField()),
                ("method", models.CharField(max_length=20)),
                ("payee_name", models.CharField(blank=True, max_length=200)),
                ("bank_account", tillbook.common.sealed_field.SealedField(blank=True)),
                ("account_mark", models.CharField(blank=True, max_length=64)),
                ("paypal_email", models.EmailField(blank=True, max_length=254)),
                ("postal_address", models.TextField(blank=True)),
                ("payee_reference", models.CharField(blank=True, max_length=60)),
                ("asked_at", models.DateTimeField()),
                ("resolved_by", models.CharField(blank=True, max_length=150)),
                ("resolved_at", models.DateTimeField(null=True)),
                ("decline_reason", models.TextField(blank=True)),
                (
                    "customer",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="asks",
                        to="customers.customer",
                    ),
                ),
                (
                    "refund",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="ask",
                        to="refunds.refund",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["status", "asked_at"], name="ask_queue"),
                    models.Index(fields=["customer", "-asked_at"], name="ask_of_customer"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("status", "waiting")),
                        fields=("customer", "currency"),
                        name="ask_waits_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="ask_amount_positive"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("resolved_at__isnull", True), ("status", "waiting")),
                            models.Q(
                                models.Q(("status", "waiting"), _negated=True), ("resolved_at__isnull", False)
                            ),
                            _connector="OR",
                        ),
                        name="ask_resolved_when_done",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("refund__isnull", False), ("status", "accepted")),
                            models.Q(
                                models.Q(("status", "accepted"), _negated=True), ("refund__isnull", True)
                            ),
                            _connector="OR",
                        ),
                        name="ask_accepted_as_a_refund",
                    ),
                ],
            },
        ),
    ]
