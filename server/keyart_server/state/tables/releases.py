"""The table of releases."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Double, ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, TableBase


class ReleaseRow(TableBase):
    """A model version, see `releases.Release`.

    `files` is the bundle as a zip until it is published; `plan` and `gates` are JSON. In rows that keyart 0.1 wrote,
    `weights` and `origin` are None until a start fills them. `reached` is the largest share that it ever had,
    `replaced_by` the rollback that devices get in its place.
    """

    __tablename__ = "releases"

    version: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    campaign_id: Mapped[str | None] = mapped_column(ForeignKey("campaigns.id"), index=True)
    number: Mapped[int]
    base: Mapped[int | None] = mapped_column(BigInteger)
    standing: Mapped[str] = mapped_column(String(16), index=True)
    share: Mapped[float] = mapped_column(Double)
    reached: Mapped[float] = mapped_column(Double, default=0.0)
    replaced_by: Mapped[int | None] = mapped_column(BigInteger)
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX))
    weights: Mapped[str | None] = mapped_column(String(DIGEST_HEX))
    origin: Mapped[int | None] = mapped_column(BigInteger)
    files: Mapped[bytes | None]
    plan: Mapped[str] = mapped_column(default="{}")
    gates: Mapped[str]
    reason: Mapped[str] = mapped_column(String(400))
    created: Mapped[datetime]
    changed: Mapped[datetime]
