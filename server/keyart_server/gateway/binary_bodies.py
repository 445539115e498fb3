"""Binary request bodies: reading them, and their OpenAPI descriptions."""

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
    429: error_schema("Rate limit exceeded; see Retry-After."),
    503: error_schema("Temporarily unavailable; see Retry-After. Nothing was changed."),
}
READ: Final[Responses] = {
    400: error_schema("The body is not valid for this route."),
    408: error_schema("The body did not arrive in time."),
    413: error_schema("The body is too long for this route."),
}


async def read(request: Request, max_bytes: int) -> bytes:
    """Read the body. Raises HTTPException; a declared length above `max_bytes` is refused before reading."""
    too_long = HTTPException(413, f"The body may have at most {max_bytes} bytes.", {"Connection": "close"})
    if int(request.headers.get("content-length", 0)) > max_bytes:  # `BodyLimits` has checked that it is a number
        raise too_long
    chunks, received = [], 0
    try:
        async for chunk in request.stream():
            received += len(chunk)
            if received > max_bytes:
                raise too_long
            chunks.append(chunk)
    except ClientDisconnect:
        raise HTTPException(400, "The body is incomplete.") from None
    return b"".join(chunks)
