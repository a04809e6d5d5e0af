from __future__ import annotations

from django.urls import path

from tillbook.panel import (
    book_views,
    credit_views,
    customer_views,
    find_views,
    key_views,
    order_urls,
    queue_views,
    refund_views,
    report_views,
    webhook_views,
)

app_name = "panel"

urlpatterns = [
    path("", customer_views.home, name="home"),
    path("book/", book_views.book, name="book"),
    path("customers/", customer_views.customers, name="customers"),
    path("customers/customers.<str:ending>", customer_views.export, name="customers_file"),
    path("customers/add/", customer_views.customer_add, name="customer_add"),
    path("customers/<str:username>/", customer_views.customer, name="customer"),
    path("customers/<str:username>/account/", customer_views.account, name="account"),
    path("customers/<str:username>/edit/", customer_views.customer_edit, name="customer_edit"),
    path("customers/<str:username>/give-credit/", credit_views.give_credit, name="give_credit"),
    path("customers/<str:username>/pay-refund/", refund_views.pay_refund, name="pay_refund"),
    path("credits/<str:number>/", credit_views.credit, name="credit"),
    path("credits/<str:number>/reverse/", credit_views.reverse_credit, name="credit_reverse"),
    path("find/", find_views.find, name="find"),
    path("keys/", key_views.api_keys, name="api_keys"),
    path("keys/revoke/", key_views.revoke, name="api_key_revoke"),
    path("refunds/", queue_views.refunds, name="refunds"),
    path("refunds/complete/", queue_views.complete_selected, name="refunds_complete"),
    path("refunds/slips.pdf", queue_views.print_selected, name="refunds_print"),
    path("refunds/refunds.csv", queue_views.export_csv, name="refunds_csv"),
    path("refunds/refunds.xlsx", queue_views.export_xlsx, name="refunds_xlsx"),
    path("refunds/<str:number>/", refund_views.refund, name="refund"),
    path("refunds/<str:number>/complete/", refund_views.complete, name="refund_complete"),
    path("refunds/<str:number>/decline/", refund_views.decline, name="refund_decline"),
    path("refunds/<str:number>/send-slip/", refund_views.send, name="refund_send"),
    path("refunds/<str:number>/slip.pdf", refund_views.slip, name="refund_slip"),
    path("reports/", report_views.reports, name="reports"),
    path("reports/<str:kind>/", report_views.report, name="report"),
    path("reports/<str:kind>/file.<str:ending>", report_views.download, name="report_file"),
    path("webhooks/", webhook_views.webhooks, name="webhooks"),
    path("webhooks/add/", webhook_views.webhook_add, name="webhook_add"),
    path("webhooks/<str:number>/", webhook_views.webhook, name="webhook"),
    path("webhooks/<str:number>/edit/", webhook_views.webhook_edit, name="webhook_edit"),
    path("webhooks/<str:number>/switch/", webhook_views.webhook_switch, name="webhook_switch"),
    path("webhooks/<str:number>/remove/", webhook_views.webhook_remove, name="webhook_remove"),
    path("webhooks/deliveries/<str:number>/", webhook_views.delivery, name="delivery"),
    path("webhooks/deliveries/<str:number>/resend/", webhook_views.delivery_resend, name="delivery_resend"),
    *order_urls.urlpatterns,
]
