"""The table of the fleet's catalogue. A catalogue describes titles and artworks, and nobody's viewing."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column

from .base import DIGEST_HEX, MAX_NAME_LENGTH, TableBase


class CatalogRow(TableBase):
    """A version of the catalogue, see `catalogs.CatalogVersion`.

    `content` is the file, compressed with zlib; only the newest versions keep it. `summary` is JSON:
    how many titles and artworks it has, and what the checks found.
    """

    __tablename__ = "catalogs"

    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    digest: Mapped[str] = mapped_column(String(DIGEST_HEX), index=True)
    size_bytes: Mapped[int]
    summary: Mapped[str]
    actor: Mapped[str] = mapped_column(String(MAX_NAME_LENGTH + 20))
    at: Mapped[datetime]
    content: Mapped[bytes | None]
