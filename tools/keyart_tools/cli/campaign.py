"""`keyart campaign`: campaigns of a coordinating server, from the draft to its end."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import click

from .campaign_results import export, results, rounds
from .campaign_watch import watch
from .console import note, write_json
from .options import BELOW_ONE, COUNT, POSITIVE
from .server_connection import campaign_id, connected, key_option, limit_option, show_list, show_object

if TYPE_CHECKING:
    from keyart_federated.campaigns.campaign import Kind
    from keyart_federated.campaigns.presets import PresetName
    from keyart_tools.remote import ApiClient

KINDS = ("training", "statistics", "experiment", "evaluation")
PRESET_NAMES = ("test fleet",)
STATES = ("draft", "running", "paused", "stopped", "done")
VERBS = {
    "pause": ("Pause a running campaign.", "Pause the campaign ID. An active round is completed."),
    "resume": ("Resume a paused campaign.", "Resume the paused campaign ID."),
    "stop": ("Stop a campaign permanently.", "Stop the campaign ID permanently. Its results are kept."),
}
EXAMPLE_ID = "0f3c9a51d2b84e67"


@click.group(short_help="Create, run and watch campaigns of a server.")
def campaign() -> None:
    """Create, run and watch campaigns of a coordinating server, and export their results.

    The server and a token come from `keyart login`, or from --server and --token-file.

    \b
    Example:
      keyart campaign create --kind training --name Spring --epsilon 4 --rounds 20
      keyart campaign list --server http://127.0.0.1:8080 --token-file keyart-data/admin.token --json
      keyart campaign watch 0f3c9a51d2b84e67
    """


@campaign.command("list", short_help="List campaigns, newest first.")
@click.option("--state", type=click.Choice(STATES), help="Only campaigns in this state.")
@limit_option
@connected
def list_campaigns(api: ApiClient, state: str | None, limit: int | None, as_json: bool) -> None:
    """List campaigns, newest first, with what each waits for.

    \b
    Example:
      keyart campaign list --state running
      keyart campaign list --json
    """
    from keyart_tools.remote.object_tables import CAMPAIGNS

    show_list(api.items("campaigns", limit, state=state), CAMPAIGNS, as_json, "There is no campaign.")


@campaign.command(short_help="Show one campaign.")
@campaign_id
@connected
def show(api: ApiClient, campaign_id: str, as_json: bool) -> None:
    """Show the campaign ID: its state, settings, ε, and what it waits for.

    \b
    Example:
      keyart campaign show 0f3c9a51d2b84e67
    """
    found = api.get(f"campaigns/{campaign_id}")
    if as_json:
        write_json(found)
    else:
        show_object(found, f"Campaign {campaign_id}")


@campaign.command(short_help="Create a draft.")
@click.option("--kind", type=click.Choice(KINDS), required=True, help="What the campaign does.")
@click.option("--name", required=True, help="Name of the campaign, shown in every list.")
@click.option("--epsilon", type=POSITIVE, help="ε limit per user for the whole campaign.  [default: the server's]")
@click.option("--delta", type=BELOW_ONE, help="δ of that limit.  [default: the server's]")
@click.option(
    "--rounds", type=COUNT,
    help="Maximum number of rounds.  [default: the server's; for an experiment, its interim analyses]",
)  # fmt: skip
@click.option(
    "--set", "settings", metavar="NAME=VALUE", multiple=True,
    help="Setting of the kind; may be repeated. Lists are separated by commas, objects are JSON.",
)  # fmt: skip
@click.option(
    "--preset", type=click.Choice(PRESET_NAMES),
    help="Values for everything that is left out: `test fleet` is for 25 to 100 test devices.",
)  # fmt: skip
@key_option
@connected
def create(
    api: ApiClient,
    kind: Kind,
    name: str,
    epsilon: float | None,
    delta: float | None,
    rounds: int | None,
    settings: tuple[str, ...],
    preset: PresetName | None,
    key: str | None,
    as_json: bool,
) -> None:
    """Create a campaign as a draft, which `keyart campaign start` starts. Settings are checked before they are sent.

    If the answer is lost, the request is repeated, and still one campaign is created.

    \b
    Example:
      keyart campaign create --kind training --name Spring --epsilon 4 --set wanted=2000 --set minimum_devices=1500
      keyart campaign create --kind experiment --name "Warm colours" --set name=warm --set arms=control,warm
      keyart campaign create --kind statistics --name Trends --set topic=trending --json
      keyart campaign create --kind training --name "First rounds" --preset "test fleet"
    """
    values, planned_rounds = _settings(kind, settings, epsilon, delta, preset)
    given = {"epsilon": epsilon, "delta": delta, "rounds": rounds or planned_rounds, "preset": preset}
    body = {"name": name, "kind": kind, **{field: value for field, value in given.items() if value is not None}}
    created = api.create("campaigns", {**body, "settings": values}, key)
    if as_json:
        write_json(created)
        return
    from keyart_tools.remote.answers import printable

    click.echo(f"Created campaign {created['id']}: {printable(str(created['name']))}, a draft.")
    note(f"Check it: keyart campaign check {created['id']}")
    note(f"Start it: keyart campaign start {created['id']}")


@campaign.command(short_help="Say whether a campaign can finish on this fleet.")
@campaign_id
@click.option("--devices", type=COUNT, help="Devices of the fleet.  [default: those that the server knows of]")
@connected
def check(api: ApiClient, campaign_id: str, devices: int | None, as_json: bool) -> None:
    """Say whether the campaign ID can finish on this fleet, and how much noise its results would have.

    \b
    Example:
      keyart campaign check 0f3c9a51d2b84e67 --devices 20000
    """
    found = api.get(f"campaigns/{campaign_id}/feasibility", devices=devices)
    if as_json:
        write_json(found)
        return
    from keyart_tools.remote.answers import printable

    click.echo(f"Campaign {campaign_id}: {found.get('verdict')}.")
    for finding in found.get("findings", []):
        click.echo(printable(f"- {finding.get('sentence')} {finding.get('advice') or ''}".strip()))


@campaign.command(short_help="Start a draft.")
@campaign_id
@click.option("--force", is_flag=True, help="Start it although it cannot finish on this fleet.")
@connected
def start(api: ApiClient, campaign_id: str, force: bool, as_json: bool) -> None:
    """Start the campaign ID. Its first round opens within a minute.

    \b
    Example:
      keyart campaign start 0f3c9a51d2b84e67
    """
    _move(api, campaign_id, "start", {"force": True} if force else None, as_json)


def _settings(
    kind: Kind, texts: tuple[str, ...], epsilon: float | None, delta: float | None, preset: PresetName | None
) -> tuple[dict[str, Any], int | None]:
    """Return the settings that were given, checked as the server checks them, and the rounds that they determine."""
    from keyart.errors import SettingError
    from keyart_federated.campaigns import PRESETS, checked
    from keyart_federated.campaigns.setting_texts import parse_setting

    values: dict[str, Any] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise click.UsageError(f"--set {text}: give it as NAME=VALUE, such as --set minimum_devices=200.")
        if name in values:
            raise click.UsageError(f"--set {name} is given twice; give it once.")
        try:
            values[name] = parse_setting(kind, name, value)
        except SettingError as error:
            raise click.UsageError(f"--set {text}: {error}") from None
    try:
        chosen = {} if preset is None else PRESETS[preset].settings_of(kind)
        whole = json.loads(checked(kind, {**chosen, **values}, epsilon, delta))
    except SettingError as error:
        raise click.UsageError(str(error)) from None
    return values, whole.get("looks")


def _move(api: ApiClient, campaign_id: str, verb: str, body: dict[str, Any] | None, as_json: bool) -> None:
    changed = api.post(f"campaigns/{campaign_id}/{verb}", body)
    if as_json:
        write_json(changed)
    else:
        click.echo(f"Campaign {campaign_id} is {changed.get('state')}.")


def _mover(verb: str) -> click.Command:
    short, sentence = VERBS[verb]

    def move(api: ApiClient, campaign_id: str, as_json: bool) -> None:
        _move(api, campaign_id, verb, None, as_json)

    move.__doc__ = f"{sentence}\n\n    \b\n    Example:\n      keyart campaign {verb} {EXAMPLE_ID}\n    "
    return click.command(verb, short_help=short)(campaign_id(connected(move)))


for command in (*map(_mover, VERBS), watch, rounds, results, export):
    campaign.add_command(command)
