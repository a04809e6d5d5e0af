from django.apps import AppConfig


class DeliveryConfig(AppConfig):
    name = "tillbook.delivery"
    label = "delivery"
