"""A username once, in whatever letter case."""

from typing import Any

from django.core.exceptions import ImproperlyConfigured
from django.db import migrations, models
from django.db.models.functions import Lower

_SHOWN = 10


def refuse_pairs(apps: Any, schema_editor: Any) -> None:
    """Say who is in the way: only a person knows which of two is meant."""
    customers = apps.get_model("customers", "Customer").objects.using(schema_editor.connection.alias)
    by_name = customers.annotate(small=Lower("username")).order_by("small").values("small")
    twice = by_name.annotate(those=models.Count("pk")).filter(those__gt=1)[:_SHOWN]
    if names := [each["small"] for each in twice]:
        raise ImproperlyConfigured(
            f"Usernames must differ by more than their letter case. More than one is {', '.join(names)}: "
            "give all but one of them another in the table customers_customer, then migrate again."
        )


class Migration(migrations.Migration):
    dependencies = [("customers", "0007_own_page")]
    operations = [
        migrations.RunPython(refuse_pairs, migrations.RunPython.noop, elidable=True),
        migrations.AddConstraint(
            model_name="customer",
            constraint=models.UniqueConstraint(Lower("username"), name="customer_username_any_case"),
        ),
    ]
