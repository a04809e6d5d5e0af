from django.apps import AppConfig


class CreditConfig(AppConfig):
    name = "tillbook.credit"
    label = "credit"
