from django.apps import AppConfig


class OrdersConfig(AppConfig):
    name = "tillbook.orders"
    label = "orders"
