from django.apps import AppConfig


class ShopConfig(AppConfig):
    name = "tillbook.shop"
    label = "shop"
