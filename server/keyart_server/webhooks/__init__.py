"""Webhooks: signed messages about events to addresses that administrators register.

events           which rows of the audit log are events, and what their messages say
webhook          a receiver, and which addresses it may have
webhook_store    receivers in the database
deliveries       messages in the database, made from the audit log, and when they are due
signature        the signature of a message (Standard Webhooks)
delivery_worker  sends what is due, in a thread of the process that runs the engine
routes           the API

The audit log is the outbox: an event and its audit row are one transaction, the rows are numbered in the order of
their commits, and a cursor tells up to which one deliveries exist. So a killed server loses no event, and what causes
an event need not know of webhooks.
"""

from __future__ import annotations

from .webhook import Delivery, Webhook
from .webhook_events import EVENTS, EventType

__all__ = ["EVENTS", "Delivery", "EventType", "Webhook"]
