"""Hooks of the docs site (`mkdocs.yml`): pages from the root of the repository, the command line, the HTTP API.

Links in the Markdown files go by GitHub's rules, relative to the file. The site has the same links; those that lead
out of `docs/` to one of `ROOT_FILES` are turned to the copy of that file in the site.
"""

from __future__ import annotations

import inspect
import json
import posixpath
import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT_FILES = {
    "SECURITY.md": "security.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "LICENSE": "license.txt",
}
IN_REPOSITORY = {site: path for path, site in ROOT_FILES.items()}
HTTP_API_MARK = "<!-- The table of routes stands here. -->"


def on_config(config: MkDocsConfig) -> None:
    from keyart_tools.cli import main

    fence_examples(main)


def on_files(files: Files, config: MkDocsConfig) -> Files:
    for path, site in ROOT_FILES.items():
        text = Path(config.config_file_path).with_name(path).read_text("utf-8")
        files.append(File.generated(config, site, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    if page.is_homepage:
        page.meta["hide"] = ["navigation"]  # its column would hold one word
    if HTTP_API_MARK in markdown:
        markdown = markdown.replace(HTTP_API_MARK, "\n".join(http_api_lines(openapi_document())))
    site = page.file.src_uri
    repository = IN_REPOSITORY.get(site) or f"docs/{site}"
    return re.sub(r"(?<=\]\()[^)\s]+(?=\))", lambda link: moved_link(link[0], repository, site), markdown)


def moved_link(link: str, repository: str, site: str) -> str:
    """Return a link of the file `repository` as the page `site` needs it."""
    path, hash_sign, anchor = link.partition("#")
    if not path or ":" in path:
        return link
    target = posixpath.normpath(posixpath.join(posixpath.dirname(repository), path))
    target = ROOT_FILES.get(target) or target.removeprefix("docs/")
    return posixpath.relpath(target, posixpath.dirname(site) or ".") + hash_sign + anchor


def fence_examples(command: click.Command) -> None:
    """Turn the example in each help text into a block of code, as Markdown has it."""
    if command.help is not None:
        text, _, example = inspect.cleandoc(command.help).partition("\x08\nExample:\n")
        if example:
            text += "\n".join(["```sh", *map(str.strip, example.splitlines()), "```"])
        command.help = text
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            fence_examples(sub)


def openapi_document() -> dict[str, Any]:
    """Return the OpenAPI document that a server with an issuer of its own gives at /openapi.json."""
    from keyart_server.app import create_app
    from keyart_server.serve import open_service
    from keyart_server.settings import ServerSettings

    with (
        tempfile.TemporaryDirectory() as folder,
        open_service(ServerSettings(Path(folder, "data"), insecure_issuer=True)) as service,
    ):
        return create_app(service).openapi()


def http_api_lines(document: dict[str, Any]) -> Iterator[str]:
    """Yield the routes, a section by the first part of their paths, and the fields of each JSON object."""
    sections: dict[str, list[str]] = {}
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            query = [entry["name"] for entry in operation.get("parameters", []) if entry["in"] == "query"]
            route = f"{method.upper()} {path}{'?' if query else ''}{'&'.join(f'{name}=' for name in query)}"
            facts = [
                f"Credential: {credential_of(operation)}.",
                f"Answers: {', '.join(sorted(operation['responses']))}.",
            ]
            if body := body_of(operation):
                facts.insert(1, f"Body: {body}.")
            row = f"| `{route}` | {summary_of(operation)}<br>{' '.join(facts)} |"
            sections.setdefault(section_of(path), []).append(row)
    for section, rows in sections.items():
        yield from ("", f"### {section}", "", "| route | |", "|---|---|", *rows)
    yield from ("", "## JSON objects")
    for name, schema in sorted(document["components"]["schemas"].items()):
        if "properties" in schema:
            yield from (
                "",
                f"### {name}",
                "",
                schema.get("description", ""),
                "",
                "| field | type | default | |",
                "|---|---|---|---|",
            )
            for field, value in schema["properties"].items():
                default = f"`{json.dumps(value['default'])}`" if "default" in value else ""
                note = one_line(value.get("description", ""))
                yield f"| `{field}` | {type_of(value)} | {default} | {note} |"


def section_of(path: str) -> str:
    parts = [part for part in path.split("/") if part and not re.fullmatch(r"v\d+", part)]
    return "/".join(["", *parts[: 2 if parts[0] == "api" else 1]]) if len(parts) > 1 else "Health and metrics"


def summary_of(operation: dict[str, Any]) -> str:
    return one_line(operation.get("description") or operation.get("summary", ""))


def one_line(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")


def credential_of(operation: dict[str, Any]) -> str:
    schemes = [name for entry in operation.get("security", []) for name in entry]
    return ", ".join("bearer token" if name == "HTTPBearer" else name.lower() for name in schemes) or "none"


def body_of(operation: dict[str, Any]) -> str:
    content = operation.get("requestBody", {}).get("content", {})
    return ", ".join(
        type_of(part["schema"]) if media == "application/json" else media for media, part in content.items()
    )


def type_of(schema: dict[str, Any]) -> str:
    if "$ref" in schema:
        name = posixpath.basename(schema["$ref"])
        return f"[{name}](#{name.lower()})"
    if "anyOf" in schema:
        return " or ".join(type_of(part) for part in schema["anyOf"])
    if "enum" in schema or "const" in schema:
        return ", ".join(f"`{value}`" for value in schema.get("enum", [schema.get("const")]))
    if schema.get("type") == "array":
        return f"list of {type_of(schema.get('items', {}))}"
    return str(schema.get("format") or schema.get("type", "any"))
