from django.apps import AppConfig


class StaffConfig(AppConfig):
    name = "tillbook.staff"
    label = "staff"
