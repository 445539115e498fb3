"""Pages of a list: `{"items": […], "next": CURSOR}`, newest first, with opaque cursors.

A cursor holds the sort key of the last item of its page (keyset pagination), so a page costs the same wherever it
is, and rows that are added or deleted meanwhile never shift the next page.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Final, Generic, TypeVar

from fastapi import Depends, HTTPException, Query
from pydantic import BaseModel, Field
from sqlalchemy import Select, literal, tuple_
from sqlalchemy.orm import InstrumentedAttribute, Session

T = TypeVar("T")
DEFAULT_LIMIT: Final = 50
MAX_LIMIT: Final = 200
MAX_CURSOR_LENGTH: Final = 500  # characters
MAX_INTEGER: Final = 2**63 - 1


class Page(BaseModel, Generic[T]):
    """One page of a list, newest first."""

    items: list[T] = Field(description="The items of this page.")
    next: str | None = Field(description="Cursor of the next page; null on the last page.", examples=[None])


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page that a request asks for; `cursor` is the `next` of the page before."""

    limit: int
    cursor: str | None


def _page_request(
    limit: Annotated[
        int, Query(ge=1, le=MAX_LIMIT, description="Maximum number of items in the answer.")
    ] = DEFAULT_LIMIT,
    cursor: Annotated[
        str | None,
        Query(max_length=MAX_CURSOR_LENGTH, description="The `next` of the page before; omit it for the first page."),
    ] = None,
) -> PageRequest:
    return PageRequest(limit, cursor)


Paging = Annotated[PageRequest, Depends(_page_request)]


def read_page(
    session: Session, rows: Select[T], key: Sequence[InstrumentedAttribute[Any]], paging: PageRequest
) -> tuple[list[T], str | None]:
    """Read one page of the rows of a table.

    Args:
        session: an open transaction.
        rows: the rows of all pages, without an order.
        key: columns of the table that order its rows and are unique together; the page descends by them.
        paging: the page.

    Returns:
        The rows of the page, and the cursor of the next page or None.

    Raises:
        HTTPException: 422 for a cursor that this list did not return.
    """
    if paging.cursor is not None:
        last = [literal(value, column.type) for value, column in zip(_decode(paging.cursor, key), key, strict=True)]
        rows = rows.where(tuple_(*key) < tuple_(*last))
    ordered = rows.order_by(*(column.desc() for column in key)).limit(paging.limit + 1)
    page = list(session.scalars(ordered))
    if len(page) <= paging.limit:
        return page, None
    del page[paging.limit :]
    return page, _encode(page[-1], key)


def _encode(row: object, key: Sequence[InstrumentedAttribute[Any]]) -> str:
    values = [getattr(row, column.key) for column in key]
    texts = [value.isoformat() if isinstance(value, datetime) else value for value in values]
    text = json.dumps([_list_name(key), *texts], separators=(",", ":"))
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cursor: str, key: Sequence[InstrumentedAttribute[Any]]) -> list[Any]:
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
        name, *values = json.loads(text)
        if name != _list_name(key) or len(values) != len(key):
            raise ValueError("a cursor of another list")
        return [_checked(value, column.type.python_type) for value, column in zip(values, key, strict=True)]
    except (ValueError, TypeError, OverflowError, RecursionError, binascii.Error):
        raise HTTPException(
            422, "cursor: this list returned no such cursor; send the `next` of its page before, or omit it."
        ) from None


def _checked(value: Any, kind: type) -> Any:
    """Return a value of a cursor as its column needs it. Raises ValueError, TypeError or OverflowError."""
    if kind is datetime:
        return datetime.fromisoformat(value).astimezone(UTC)
    if type(value) is not kind:
        raise ValueError("a value of another type")
    if isinstance(value, str) and not value.isprintable():
        raise ValueError("a text that no key holds")
    if isinstance(value, int) and abs(value) > MAX_INTEGER:
        raise ValueError("a number that no key holds")
    return value


def _list_name(key: Sequence[InstrumentedAttribute[Any]]) -> str:
    return ",".join(str(column) for column in key)
