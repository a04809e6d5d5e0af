"""The staff pages, by address."""

urlpatterns: list[object] = []
