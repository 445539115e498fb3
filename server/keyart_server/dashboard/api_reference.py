"""The API as a page shows it, from the OpenAPI document: routes by noun, with parameters, bodies, answers. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

PREFIX: Final = "/api/v1/"
MAX_EXAMPLE_DEPTH: Final = 6
EXAMPLES_BY_FORMAT: Final[Mapping[str, str]] = {"date-time": "2026-03-01T12:00:00Z"}
KINDS_BY_FORMAT: Final[Mapping[str, str]] = {"date-time": "time", "binary": "bytes"}
EXAMPLES_BY_TYPE: Final[Mapping[str, Any]] = {
    "string": "…",
    "integer": 1,
    "number": 1.0,
    "boolean": True,
    "null": None,
}


@dataclass(frozen=True, slots=True)
class FieldText:
    """A parameter of a request, or a field of a body.

    Attributes:
        place: where a parameter stands, such as `query`; "" for a field.
        kind: its type in words.
    """

    name: str
    place: str
    kind: str
    required: bool
    description: str


@dataclass(frozen=True, slots=True)
class AnswerText:
    """An answer by its status."""

    status: str
    description: str


@dataclass(frozen=True, slots=True)
class OperationText:
    """A route.

    Attributes:
        anchor: id of its part of the page.
        summary: what it does, in one sentence without its full stop.
        description: what else is to be known about it, as paragraphs.
        scope: scope that a token needs for it.
        body: fields of the request's body.
        answer: fields of the body of the answer that succeeds.
        items: fields of each item, if the answer is a page of a list.
        curl: example of a request.
        example: example of that answer, as JSON; "" if it has no body.
    """

    anchor: str
    method: str
    path: str
    summary: str
    description: tuple[str, ...]
    scope: str
    parameters: tuple[FieldText, ...]
    body: tuple[FieldText, ...]
    answer: tuple[FieldText, ...]
    items: tuple[FieldText, ...]
    answers: tuple[AnswerText, ...]
    curl: str
    example: str


def api_sections(document: Mapping[str, Any], address: str) -> dict[str, list[OperationText]]:
    """Return the routes under `/api/v1/` by their noun, in the order of the document.

    Args:
        document: the OpenAPI document, completed (`http.openapi_document`).
        address: base URL of the server, for the examples.
    """
    sections: dict[str, list[OperationText]] = {}
    for path, operations in document["paths"].items():
        if not path.startswith(PREFIX):
            continue
        noun = path.removeprefix(PREFIX).partition("/")[0]
        for method, operation in operations.items():
            text = _operation(method.upper(), path, operation, document["components"]["schemas"], address)
            sections.setdefault(noun, []).append(text)
    return sections


def _operation(
    method: str, path: str, operation: Mapping[str, Any], schemas: Mapping[str, Any], address: str
) -> OperationText:
    summary = operation["summary"]
    content = operation.get("requestBody", {}).get("content", {})
    media = next(iter(content), "")
    body = content.get(media, {}).get("schema", {})
    responses = operation["responses"]
    success = next(status for status in sorted(responses) if status.startswith("2"))
    answer = responses[success].get("content", {}).get("application/json", {}).get("schema", {})
    scope = responses.get("403", {}).get("description", "").removeprefix("The scope ").removesuffix(" is missing.")
    example = example_of(answer, schemas) if answer else None
    return OperationText(
        anchor=operation["operationId"],
        method=method,
        path=path,
        summary=summary,
        description=tuple(_rest_of_description(operation.get("description", ""), summary)),
        scope=scope,
        parameters=tuple(
            FieldText(
                one["name"],
                one["in"],
                kind_of(one["schema"], schemas).removesuffix(" or null"),
                one.get("required", False),
                one.get("description", ""),
            )
            for one in operation.get("parameters", [])
        ),
        body=tuple(_fields(body, schemas)),
        answer=tuple(_fields(answer, schemas)),
        items=tuple(_fields(_item_of(answer, schemas), schemas)),
        answers=tuple(AnswerText(status, responses[status]["description"]) for status in sorted(responses)),
        curl=_curl(method, path, media, example_of(body, schemas) if body else None, address),
        example="" if example is None else json.dumps(example, indent=2, ensure_ascii=False),
    )


def _rest_of_description(text: str, summary: str) -> Iterator[str]:
    for number, paragraph in enumerate(text.split("\n\n")):
        line = " ".join(paragraph.split())
        if number == 0 and line.startswith(summary):
            line = line.removeprefix(summary).lstrip(".:; ")
        if line:
            yield line[0].upper() + line[1:]


def _fields(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Iterator[FieldText]:
    """Yield the fields of an object."""
    resolved = _resolved(schema, schemas)
    required = resolved.get("required", [])
    for name, field in resolved.get("properties", {}).items():
        described = field.get("description") or _resolved(field, schemas).get("description", "")
        yield FieldText(name, "", kind_of(field, schemas), name in required, described)


def _item_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the schema of the items of a page of a list, or an empty one."""
    item: Mapping[str, Any] = _resolved(schema, schemas).get("properties", {}).get("items", {}).get("items", {})
    return item


def kind_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> str:
    """Return the type of a value in words."""
    if "anyOf" in schema:
        return " or ".join(kind_of(part, schemas) for part in schema["anyOf"])
    resolved = _resolved(schema, schemas)
    if "enum" in resolved or "const" in resolved:
        return ", ".join(str(value) for value in resolved.get("enum", [resolved.get("const")]))
    if resolved.get("type") == "array":
        return f"list of {kind_of(resolved.get('items', {}), schemas)}"
    return KINDS_BY_FORMAT.get(resolved.get("format", "")) or str(resolved.get("type", "any"))


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any], depth: int = 0) -> Any:
    """Return an example of a value: the one that its schema gives, else one of its type."""
    resolved = _resolved(schema, schemas)
    given = schema.get("examples") or resolved.get("examples")
    if given or depth > MAX_EXAMPLE_DEPTH:
        return given[0] if given else None
    if "anyOf" in resolved:
        return example_of(resolved["anyOf"][0], schemas, depth + 1)
    if "enum" in resolved:
        return resolved["enum"][0]
    kind = resolved.get("type", "")
    if kind == "object":
        fields = resolved.get("properties", {}).items()
        return {name: example_of(field, schemas, depth + 1) for name, field in fields}
    if kind == "array":
        return [example_of(resolved.get("items", {}), schemas, depth + 1)]
    return EXAMPLES_BY_FORMAT.get(resolved.get("format", ""), EXAMPLES_BY_TYPE.get(kind))


def _resolved(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Mapping[str, Any]:
    if "$ref" in schema:
        resolved: Mapping[str, Any] = schemas[schema["$ref"].rpartition("/")[2]]
        return resolved
    return schema


def _curl(method: str, path: str, media: str, body: Any, address: str) -> str:
    """Return a request as a command for a shell, on lines that continue."""
    command = "curl" if method in ("GET", "POST") and (method == "GET" or media) else f"curl -X {method}"
    parts = [f'{command} -H "Authorization: Bearer $TOKEN"']
    if media:
        parts.append(f"-H 'Content-Type: {media}'")
    if media == "application/json":
        parts.append(f"-d '{json.dumps(body, ensure_ascii=False)}'")
    elif media:
        parts.append("--data-binary @bundle.zip")
    url = address + path.replace("{", "").replace("}", "").replace("campaign_id", "ID").replace("version", "VERSION")
    parts.append(url.replace("token_id", "ID").replace("person_id", "ID"))
    return " \\\n  ".join(parts)
