from django.apps import AppConfig


class ExportersConfig(AppConfig):
    name = "tillbook.exporters"
    label = "exporters"
