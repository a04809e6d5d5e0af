"""The role viewer: who sees all and changes nothing."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("staff", "0003_api_keys")]
    operations = [
        migrations.AlterField(
            model_name="user",
            name="role",
            field=models.CharField(
                choices=[("viewer", "Viewer"), ("staff", "Staff"), ("admin", "Admin")], max_length=10
            ),
        )
    ]
