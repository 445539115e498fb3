"""The folder that `flwr run` takes: a manifest that points at the components, a licence, and nothing else."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from keyart.errors import SettingError

Setting = str | int | float | bool

MANIFEST = "pyproject.toml"
RESULT_PATH = "result-path"
SERVERAPP = "keyart_federated.flower.server_app:app"
CLIENTAPP = "keyart_federated.flower.client_app:app"
LICENCE_NOTICE = (
    "Licensed under the Apache License, Version 2.0.\nSPDX-License-Identifier: Apache-2.0\n"
    "The text of the licence: https://www.apache.org/licenses/LICENSE-2.0\n"
)
_REFERENCE = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


def write_app(
    folder: Path,
    serverapp: str = SERVERAPP,
    clientapp: str = CLIENTAPP,
    config: Mapping[str, Setting] | None = None,
) -> Path:
    """Write a Flower app into a folder and return the folder.

    The manifest lists no dependency on purpose: an index that is not ours could answer for a name of ours.

    Args:
        folder: The folder, made if it is missing.
        serverapp: `module:name` of the ServerApp. The module is installed on every machine, or a file in
            `folder`. Flower looks for the name in the module's text: it must be set as `name = …`, or stand in
            `__all__`.
        clientapp: The same of the ClientApp.
        config: Every setting that a run may override, with its default. `result-path` is always among them:
            where the ServerApp, which runs on the SuperLink's machine, leaves its result (write beside it, then
            rename).

    Raises:
        SettingError: A name is no component.
    """
    for reference in (serverapp, clientapp):
        if not _REFERENCE.fullmatch(reference):
            raise SettingError(f"{reference!r} names no Flower component; write it as 'package.module:app'.")
    lines = [
        "[project]",
        'name = "keyart-app"',
        'version = "1.0.0"',
        'description = "Rounds of keyart."',
        'license = { file = "LICENSE" }',
        "dependencies = []",
        "",
        "[tool.flwr.app]",
        'publisher = "keyart"',
        "",
        "[tool.flwr.app.components]",
        f"serverapp = {toml_value(serverapp)}",
        f"clientapp = {toml_value(clientapp)}",
        "",
        "[tool.flwr.app.config]",
        to_toml({RESULT_PATH: "", **(config or {})}),
    ]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).write_text("\n".join(lines), encoding="utf-8")
    (folder / "LICENSE").write_text(LICENCE_NOTICE, encoding="utf-8")
    return folder


def settings_of(app_dir: Path, offered: Mapping[str, Setting], wanted: Mapping[str, Setting]) -> dict[str, Setting]:
    """Return the overrides of a run: all of `wanted`, and of `offered` those that the app's manifest lists.

    Flower itself would accept a setting that the manifest does not list, or that has another type there, and the
    ServerApp or a SuperNode would fail on it later. Raises SettingError for one in `wanted`.
    """
    try:
        manifest = tomllib.loads((app_dir / MANIFEST).read_text(encoding="utf-8"))
        known = _flat(manifest["tool"]["flwr"]["app"].get("config", {}))
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SettingError(f"{app_dir} is no Flower app ({error!r}). Write one with write_app(folder).") from None
    for key, value in wanted.items():
        if key not in known:
            raise SettingError(
                f"The app has no setting {key!r}; it has {sorted(known)}. List it in write_app(config=…)."
            )
        if type(value) is not type(known[key]):
            raise SettingError(f"Setting {key!r} is {value!r}; its default in the app is {known[key]!r}.")
    return {key: value for key, value in offered.items() if key in known} | dict(wanted)


def to_toml(settings: Mapping[str, Setting]) -> str:
    """Return a flat TOML table, one setting a line. Raises SettingError for a value that Flower cannot hold."""
    return "".join(f"{toml_value(key)} = {toml_value(value)}\n" for key, value in settings.items())


def toml_value(value: Setting) -> str:
    """Return one TOML value: a basic string, an integer, a float or a boolean."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise SettingError(f"{value} does not fit into 64 bits; pass it as a text.")
        return str(value)
    if isinstance(value, float):
        return repr(value)  # also nan and inf are TOML
    if isinstance(value, str):
        if not value.isprintable() and any("\ud800" <= letter <= "\udfff" for letter in value):
            raise SettingError(f"{value!r} is no text: it holds half a character.")
        # JSON's escapes are TOML's, but for DEL, which JSON leaves alone and TOML forbids.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    raise SettingError(f"A setting is a text, a number or a boolean, not {value!r}.")


def _flat(table: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """Return nested tables as Flower sees them: `a.b` for `[a] b`."""
    rows: dict[str, Any] = {}
    for key, value in table.items():
        rows.update(_flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value})
    return rows
