from django.apps import AppConfig


class ReturnsConfig(AppConfig):
    name = "tillbook.returns"
    label = "returns"
