"""Accounts at payment gateways, and refunds on their way through one."""

import django.db.models.deletion
from django.db import migrations, models

import tillbook.common.sealed_field


class Migration(migrations.Migration):
    dependencies = [
        ("payouts", "0003_received"),
        ("refunds", "0012_sending"),
    ]

    operations = [
        migrations.CreateModel(
            name="GatewayAccount",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("gateway", models.CharField(max_length=20, unique=True)),
                ("api_base", models.CharField(max_length=200)),
                ("client_id", tillbook.common.sealed_field.SealedField(blank=True)),
                ("secret", tillbook.common.sealed_field.SealedField()),
                ("webhook_secret", tillbook.common.sealed_field.SealedField(blank=True)),
                ("changed_at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Sending",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("gateway", models.CharField(max_length=20)),
                ("charge", models.CharField(max_length=100)),
                ("currency", models.CharField(max_length=3)),
                ("amount_minor", models.BigIntegerField()),
                ("key", models.CharField(max_length=80, unique=True)),
                (
                    "state",
                    models.CharField(
                        choices=[
                            ("unknown", "No answer yet"),
                            ("pending", "Under way"),
                            ("succeeded", "Paid"),
                            ("failed", "Failed"),
                        ],
                        default="unknown",
                        max_length=10,
                    ),
                ),
                ("reference", models.CharField(blank=True, max_length=100)),
                ("problem", models.TextField(blank=True)),
                ("sent_by", models.CharField(max_length=150)),
                ("sent_by_user_id", models.BigIntegerField(null=True)),
                ("sent_at", models.DateTimeField()),
                ("asked_at", models.DateTimeField(null=True)),
                ("asks", models.IntegerField(default=0)),
                ("next_ask_at", models.DateTimeField(null=True)),
                ("ended_at", models.DateTimeField(null=True)),
                (
                    "refund",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="sendings",
                        to="refunds.refund",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("next_ask_at__isnull", False)),
                        fields=["next_ask_at"],
                        name="sending_due",
                    ),
                    models.Index(fields=["refund", "-sent_at"], name="sending_of_refund"),
                ],
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("state", "failed"), _negated=True),
                        fields=("refund",),
                        name="sending_once",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("amount_minor__gt", 0)), name="sending_amount_positive"
                    ),
                ],
            },
        ),
    ]
