"""Bodies that are bytes: how they are read, and how the OpenAPI document tells of them."""

from __future__ import annotations

from typing import Any, Final

from fastapi import HTTPException, Request
from starlette.requests import ClientDisconnect

from ..http.error_responses import refusal

Responses = dict[int | str, dict[str, Any]]

BYTES: Final = "application/octet-stream"
BINARY: Final = {"schema": {"type": "string", "format": "binary"}}
SENT: Final = {"requestBody": {"required": True, "content": {BYTES: BINARY}}}
BUSY: Final[Responses] = {
    429: refusal("Too often; see Retry-After."),
    503: refusal("Not now; see Retry-After. Nothing was changed."),
}
READ: Final[Responses] = {
    400: refusal("The body is not what belongs here."),
    408: refusal("The body did not come in time."),
    413: refusal("The body is longer than any that belongs here."),
}


async def read(request: Request, most: int) -> bytes:
    """The body. Raises HTTPException; a length that is told and too long is refused before any of it is read."""
    too_long = HTTPException(413, f"The body may have {most} bytes at most.", {"Connection": "close"})
    if int(request.headers.get("content-length", 0)) > most:  # digits: `Limits` has looked
        raise too_long
    chunks, taken = [], 0
    try:
        async for chunk in request.stream():
            taken += len(chunk)
            if taken > most:
                raise too_long
            chunks.append(chunk)
    except ClientDisconnect:
        raise HTTPException(400, "The body broke off.") from None
    return b"".join(chunks)
