"""The tables. No title, no picture, no device but by the hash of its key: tests/server/test_state_schema.py.

A new table is a class in here, a migration, and a line in that test.
"""

from __future__ import annotations

from .access import InvitationRow, PersonRow, SessionRow, TokenRow
from .audit import AuditHead, AuditRow
from .base import Base
from .campaigns import BudgetRow, CampaignRow, ChargeRow, MemoryRow
from .releases import ReleaseRow
from .rounds import (
    AnswerRow,
    AskRow,
    EnrolledRow,
    EnrolmentsRow,
    GatewayRow,
    MemberRow,
    PartialRow,
    RoundRow,
    WindowRow,
)

__all__ = [
    "AnswerRow",
    "AskRow",
    "AuditHead",
    "AuditRow",
    "Base",
    "BudgetRow",
    "CampaignRow",
    "ChargeRow",
    "EnrolledRow",
    "EnrolmentsRow",
    "GatewayRow",
    "InvitationRow",
    "MemberRow",
    "MemoryRow",
    "PartialRow",
    "PersonRow",
    "ReleaseRow",
    "RoundRow",
    "SessionRow",
    "TokenRow",
    "WindowRow",
]
