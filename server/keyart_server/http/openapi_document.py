"""The OpenAPI document at `/openapi.json`, completed from the docstrings of routes and models. Pure.

FastAPI takes the description of a route or a model from its docstring. The first sentence of a route's docstring
also becomes its summary, and the `Attributes:` of a model's docstring become the descriptions of its fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from pydantic.json_schema import models_json_schema

from .error_responses import SCHEMAS, Problem

ATTRIBUTES: Final = re.compile(r"\s*^Attributes:\n", re.MULTILINE)
ATTRIBUTE: Final = re.compile(r"^ {4}(\w+): (.+(?:\n {8,}.+)*)", re.MULTILINE)
SENTENCE: Final = re.compile(r"(.+?)[.:;](?:\s|$)", re.DOTALL)
UNDESCRIBED: Final = "Successful Response"  # FastAPI's description of an answer that nobody has described
ANSWERS: Final[Mapping[str, str]] = {
    "200": "The answer.",
    "201": "Created; the answer describes what was created.",
    "202": "Accepted; the answer says what is still to come.",
    "204": "Done; the answer has no body.",
}


def complete_document(document: dict[str, Any]) -> dict[str, Any]:
    """Complete the document that FastAPI generated; change it in place and return it."""
    _, definitions = models_json_schema([(Problem, "serialization")], ref_template=SCHEMAS + "{model}")
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    schemas |= definitions["$defs"]
    for operations in document["paths"].values():
        for operation in operations.values():
            _complete_operation(operation)
    for schema in schemas.values():
        _complete_schema(schema)
    return document


def first_sentence(text: str) -> str:
    """Return the first sentence of a text on one line, without its full stop."""
    match = SENTENCE.match(text.strip())
    return " ".join((match[1] if match else text).split())


def _complete_operation(operation: dict[str, Any]) -> None:
    generated = operation["operationId"].replace("_", " ").title()
    if operation.get("summary") == generated and operation.get("description"):
        operation["summary"] = first_sentence(operation["description"])
    for status, answer in operation["responses"].items():
        if answer["description"] == UNDESCRIBED:
            answer["description"] = ANSWERS[status]


def _complete_schema(schema: dict[str, Any]) -> None:
    text, *attributes = ATTRIBUTES.split(schema.get("description", ""), maxsplit=1)
    if text:
        schema["description"] = text
    described = {name: note for part in attributes for name, note in ATTRIBUTE.findall(part)}
    for name, field in schema.get("properties", {}).items():
        if name in described and "description" not in field and "$ref" not in field:
            text = " ".join(described[name].split())
            field["description"] = text[0].upper() + text[1:]
