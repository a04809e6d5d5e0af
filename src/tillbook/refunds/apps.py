from django.apps import AppConfig


class RefundsConfig(AppConfig):
    name = "tillbook.refunds"
    label = "refunds"
