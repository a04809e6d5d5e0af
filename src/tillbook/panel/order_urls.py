"""Addresses of orders, payments and RMAs; `panel.urls` includes them."""

from __future__ import annotations

from django.urls import path

from tillbook.panel import new_rma_views, order_views, overpayment_views, rma_views

urlpatterns = [
    path("orders/", order_views.orders, name="orders"),
    path("orders/new/", order_views.new_order, name="order_new"),
    path("orders/<str:number>/", order_views.order, name="order"),
    path("orders/<str:number>/edit/", order_views.edit_order, name="order_edit"),
    path("orders/<str:number>/receipt-payment/", order_views.receive_payment, name="order_receive_payment"),
    path("orders/<str:number>/pay-with-credit/", order_views.pay_with_credit, name="order_pay_with_credit"),
    path("orders/<str:number>/cancel/", order_views.cancel_order, name="order_cancel"),
    path("orders/<str:number>/rma/", new_rma_views.new_rma, name="order_rma"),
    path("orders/<str:number>/rma/price/", new_rma_views.price, name="order_rma_price"),
    path("orders/<str:number>/rma/preview.pdf", new_rma_views.preview_file, name="order_rma_preview"),
    path("overpayments/", overpayment_views.overpayments, name="overpayments"),
    path("overpayments/keep/", overpayment_views.keep_one, name="overpayment_keep"),
    path("overpayments/pay/", overpayment_views.pay_order, name="overpayment_pay"),
    path("payments/<int:payment_id>/void/", order_views.void_payment, name="payment_void"),
    path("payments/<int:payment_id>/paid-back/", order_views.paid_back, name="payment_paid_back"),
    path("orders/orders.<str:ending>", order_views.export, name="orders_file"),
    path("rmas/rmas.<str:ending>", rma_views.export, name="rmas_file"),
    path("rmas/", rma_views.rmas, name="rmas"),
    path("rmas/<str:number>/", rma_views.rma, name="rma"),
    path("rmas/<str:number>/note.pdf", rma_views.note_file, name="rma_note"),
    path("rmas/<str:number>/send-note/", rma_views.send, name="rma_send"),
    path("rmas/<str:number>/close/", rma_views.close_rma, name="rma_close"),
    path(
        "rmas/<str:number>/close-without-credit/",
        rma_views.close_without_credit,
        name="rma_close_without_credit",
    ),
    path("rmas/<str:number>/cancel/", rma_views.cancel_rma, name="rma_cancel"),
]
