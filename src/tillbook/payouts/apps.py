from django.apps import AppConfig


class PayoutsConfig(AppConfig):
    name = "tillbook.payouts"
    label = "payouts"
