"""The tables. They hold no viewing, and no device except by key hash: tests/server/test_state_schema.py.

A new table or column needs a class here, a migration for older databases, and a line in that test.
"""

from __future__ import annotations

from .access import InvitationRow, PersonRow, SessionRow, TokenRow
from .audit import AuditHead, AuditRow
from .base import TableBase
from .campaigns import BudgetRow, CampaignRow, CampaignStateRow, ChargeRow
from .catalogs import CatalogRow
from .idempotency_keys import IdempotencyKeyRow
from .identity import ChallengeRow, IdentityRow, RecoveryCodeRow, TotpRow, UsedSignInRow
from .releases import ReleaseRow
from .rounds import (
    EnrolledDeviceRow,
    EnrolmentCountRow,
    ExcludedDeviceRow,
    GatewayRow,
    MemberRow,
    PartialSumRow,
    RoundRow,
    StageRequestRow,
    SubmissionRow,
    WindowRow,
)
from .webhooks import DeliveryRow, WebhookCursorRow, WebhookRow

__all__ = [
    "AuditHead",
    "AuditRow",
    "BudgetRow",
    "CampaignRow",
    "CampaignStateRow",
    "CatalogRow",
    "ChallengeRow",
    "ChargeRow",
    "DeliveryRow",
    "EnrolledDeviceRow",
    "EnrolmentCountRow",
    "ExcludedDeviceRow",
    "GatewayRow",
    "IdempotencyKeyRow",
    "IdentityRow",
    "InvitationRow",
    "MemberRow",
    "PartialSumRow",
    "PersonRow",
    "RecoveryCodeRow",
    "ReleaseRow",
    "RoundRow",
    "SessionRow",
    "StageRequestRow",
    "SubmissionRow",
    "TableBase",
    "TokenRow",
    "TotpRow",
    "UsedSignInRow",
    "WebhookCursorRow",
    "WebhookRow",
    "WindowRow",
]
