"""Bodies that are bytes: how they are read, and how the OpenAPI document tells of them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from ..http.error_responses import error_schema

Responses = dict[int | str, dict[str, Any]]

BYTES: Final = "application/octet-stream"
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
SENT: Final = {"requestBody": {"required": True, "content": {BYTES: BINARY}}}
BUSY: Final[Responses] = {
    429: error_schema("Too often; see Retry-After."),
    503: error_schema("Not now; see Retry-After. Nothing was changed."),
}
READ: Final[Responses] = {
    400: error_schema("The body is not what belongs here."),
    408: error_schema("The body did not come in time."),
    413: error_schema("The body is longer than any that belongs here."),
}


async def read(request: Request, max_bytes: int) -> bytes:
    """The body. Raises HTTPException; a length that is told and too long is refused before any of it is read."""
    too_long = HTTPException(413, f"The body may have {max_bytes} bytes at most.", {"Connection": "close"})
    if int(request.headers.get("content-length", 0)) > max_bytes:  # digits: `Limits` has looked
        raise too_long
    chunks, received = [], 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > max_bytes:
                raise too_long
            chunks.append(chunk)
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off.") from None
    return b"".join(chunks)
