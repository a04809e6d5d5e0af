"""An index that begins with the same column serves instead: one less to write to."""

import django.db.models.deletion
from django.db import migrations, models

from tillbook.common.indexes import drop_index_on, without_index_of_its_own


class Migration(migrations.Migration):
    dependencies = [("returns", "0001_initial")]
    operations = [
        without_index_of_its_own(
            "returns.rma",
            "customer",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="rmas",
                to="customers.customer",
            ),
        ),
        without_index_of_its_own(
            "returns.rmaline",
            "rma",
            models.ForeignKey(
                db_index=False,
                on_delete=django.db.models.deletion.PROTECT,
                related_name="lines",
                to="returns.rma",
            ),
        ),
        drop_index_on("returns_rma", "document", vendor="postgresql"),
    ]
