"""The tables. They hold no viewing, and no device except by key hash: tests/server/test_state_schema.py.

A new table or column needs a class here, a migration for older databases, and a line in that test.
"""

from __future__ import annotations

from .access import InvitationRow, PersonRow, SessionRow, TokenRow
from .audit import AuditHead, AuditRow
from .base import TableBase
from .campaigns import BudgetRow, CampaignRow, CampaignStateRow, ChargeRow
from .catalogs import CatalogRow
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

__all__ = [
    "AuditHead",
    "AuditRow",
    "BudgetRow",
    "CampaignRow",
    "CampaignStateRow",
    "CatalogRow",
    "ChargeRow",
    "EnrolledDeviceRow",
    "EnrolmentCountRow",
    "ExcludedDeviceRow",
    "GatewayRow",
    "InvitationRow",
    "MemberRow",
    "PartialSumRow",
    "PersonRow",
    "ReleaseRow",
    "RoundRow",
    "SessionRow",
    "StageRequestRow",
    "SubmissionRow",
    "TableBase",
    "TokenRow",
    "WindowRow",
]
