"""`keyart release`: model versions of a coordinating server, and who gets them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import note, write_json
from .options import PATH
from .server_connection import connected, key_option, limit_option, show_list, show_object

if TYPE_CHECKING:
    from keyart_tools.remote import ApiClient

STATUSES = ("candidate", "refused", "waiting", "rolling", "released", "held", "superseded", "withdrawn")
reason_option = click.option(
    "--reason", metavar="TEXT", help="Reason for the audit log; required if all devices get the release."
)
version_argument = click.argument("version", type=click.IntRange(min=0))
PENDING = "Devices keep the model until its rollback is published; `keyart release list` shows when it is."


@click.group(short_help="Upload, promote, hold or withdraw models.")
def release() -> None:
    """List the releases of a coordinating server, and decide which devices get them.

    The server and a token come from `keyart login`, or from --server and --token-file.

    \b
    Example:
      keyart release list
      keyart release upload build/demo/bundle
      keyart release withdraw 8
    """


@release.command("list", short_help="List releases, newest version first.")
@click.option("--status", type=click.Choice(STATUSES), help="Only releases with this status.")
@limit_option
@connected
def list_releases(api: ApiClient, status: str | None, limit: int | None, as_json: bool) -> None:
    """List releases, newest version first: status, share of the devices, and gates.

    \b
    Example:
      keyart release list --status rolling
      keyart release list --json
    """
    from keyart_tools.remote.object_tables import RELEASES

    show_list(api.items("releases", limit, standing=status), RELEASES, as_json, "There is no release.")


@release.command(short_help="Show one release and its gates.")
@version_argument
@connected
def show(api: ApiClient, version: int, as_json: bool) -> None:
    """Show the release of the model VERSION, with the sentence of each gate.

    \b
    Example:
      keyart release show 8
    """
    from keyart_tools.remote.object_tables import GATES

    found = api.get(f"releases/{version}")
    if as_json:
        write_json(found)
        return
    show_object(found, f"Model {version}", ("gates", "digest", "weights"))
    show_list(found.get("gates") or [], GATES, False, "No gate has judged it yet.", "Gates")


@release.command(short_help="Upload a bundle and begin its roll-out.")
@click.argument("bundle", type=PATH)
@click.option("--at-once", is_flag=True, help="Roll it out to all devices at once instead of in stages.")
@key_option
@connected
def upload(api: ApiClient, bundle: Path, at_once: bool, key: str | None, as_json: bool) -> None:
    """Upload the folder BUNDLE as a release. The server judges it, and rolls it out in stages if it passes.

    The bundle's hashes are checked before it is sent. If the answer is lost, the request is repeated, and still one
    release is created.

    \b
    Example:
      keyart release upload build/demo/bundle
      keyart release upload build/demo/bundle --at-once --json
    """
    from keyart.bundle import check_contents, read_files
    from keyart_server.releases.bundle_archive import pack

    files = read_files(bundle)
    check_contents(files)
    created = api.upload("bundles", pack(files), key, at_once=at_once)
    _tell(created, as_json)


@release.command(short_help="Give a waiting or held release to more devices.")
@version_argument
@reason_option
@connected
def promote(api: ApiClient, version: int, reason: str | None, as_json: bool) -> None:
    """Promote the release of the model VERSION, which waits or is held, to its next share of devices.

    \b
    Example:
      keyart release promote 8
      keyart release promote 8 --reason "The drop was the holiday's, not the model's."
    """
    _move(api, version, "promote", reason, as_json)


@release.command(short_help="Hold a release: no further device gets it.")
@version_argument
@reason_option
@connected
def hold(api: ApiClient, version: int, reason: str | None, as_json: bool) -> None:
    """Hold the release of the model VERSION. Devices that have it keep it.

    \b
    Example:
      keyart release hold 8 --reason "Televisions show no artwork."
    """
    _move(api, version, "hold", reason, as_json)


@release.command(short_help="Withdraw a release and publish a rollback.")
@version_argument
@reason_option
@connected
def withdraw(api: ApiClient, version: int, reason: str | None, as_json: bool) -> None:
    """Withdraw the release of the model VERSION, and everything with its weights; an older model takes its place.

    \b
    Example:
      keyart release withdraw 8
    """
    _move(api, version, "withdraw", reason, as_json)


def _move(api: ApiClient, version: int, verb: str, reason: str | None, as_json: bool) -> None:
    changed = api.post(f"releases/{version}/{verb}", None if reason is None else {"reason": reason})
    _tell(changed, as_json)


def _tell(changed: dict[str, Any], as_json: bool) -> None:
    """Write what became of a release."""
    from keyart_tools.remote.answers import printable
    from keyart_tools.remote.object_tables import percent

    if as_json:
        write_json(changed)
        return
    reason = printable(changed.get("reason") or "")
    status = f"Model {changed.get('version')} is {changed.get('standing')}"
    click.echo(f"{status}; its share of devices is {percent(changed.get('share'))}. {reason}".rstrip())
    if changed.get("rollback") == "pending":
        note(PENDING)
