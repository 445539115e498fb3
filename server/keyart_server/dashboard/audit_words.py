"""Entries of the audit log in words: what was done, to what, and its details as names and values. Pure."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from ..audit_log import AuditEntry
from . import formatting
from .formatting import words_of_name

MAX_DIGEST_CHARACTERS: Final = 12  # of a digest, which is shown in full in the export only

ACTIONS: Final[Mapping[str, str]] = {
    "budget.change": "Budget changed",
    "budget.charge": "Round charged",
    "budget.return": "Charge returned",
    "campaign.change": "Draft changed",
    "campaign.create": "Draft created",
    "campaign.delete": "Draft deleted",
    "campaign.finish": "Campaign finished",
    "campaign.pause": "Campaign paused",
    "campaign.resume": "Campaign resumed",
    "campaign.start": "Campaign started",
    "campaign.stop": "Campaign stopped",
    "catalog.upload": "Catalogue uploaded",
    "device.enrol": "Devices enrolled",
    "device.vouchers": "Vouchers made",
    "gate.judge": "Gate judged",
    "invitation.issue": "Person invited",
    "issuer.insecure": "Started as its own issuer",
    "keys.renew": "Signing anew begun",
    "keys.renewed": "Signed anew",
    "keys.rotate": "Key rotation begun",
    "keys.rotated": "Keys rotated",
    "person.join": "Account created",
    "person.remove": "Account removed",
    "person.role": "Role changed",
    "release.adopt": "Release adopted",
    "release.examine": "Gates evaluated",
    "release.go-on": "Release promoted",  # as keyart 0.1 wrote it
    "release.promote": "Release promoted",
    "release.hold": "Release held",
    "release.propose": "Release proposed",
    "release.publish": "Release published",
    "release.refuse": "Release refused",
    "release.wait": "Release waiting",
    "release.widen": "Release widened",
    "release.withdraw": "Release withdrawn",
    "round.advance": "Round at its next stage",
    "round.fail": "Round failed",
    "round.finish": "Round finished",
    "round.start": "Round started",
    "session.begin": "Signed in",
    "session.end": "Signed out",
    "session.refuse": "Sign-ins refused",
    "state.backup": "Backup made",
    "state.restore": "Backup restored",
    "token.issue": "Token issued",
    "token.revoke": "Token revoked",
    "totp.codes": "Recovery codes made",
    "totp.enrol": "Second factor added",
    "totp.recover": "Recovery code used",
    "totp.reset": "Second factor removed",
    "webhook.create": "Webhook created",
    "webhook.disable": "Webhook disabled",
    "webhook.enable": "Webhook enabled",
    "webhook.remove": "Webhook removed",
    "webhook.rotate": "Webhook secret replaced",
    "webhook.test": "Webhook tested",
}
UNNAMED: Final = ("fleet", "devices", "server", "issuer", "tuf")  # subjects that the action says already
LABELS: Final[Mapping[str, str]] = {
    "base": "based on",
    "campaign": "campaign",
    "count": "number",
    "delta": "δ",
    "digest": "digest",
    "epsilon": "ε",
    "failures": "wrong passwords",
    "hour": "in the hour from",
    "minutes": "within",
    "of": "backup of",
    "share": "share of devices",
    "spent": "ε of the fleet afterwards",
    "standing": "status",
    "trust": "trust model",
}


@dataclass(frozen=True, slots=True)
class Names:
    """Names of what the entries of a page are about.

    Attributes:
        campaigns: name by id.
        people: name by id.
        tokens: name by id.
    """

    campaigns: Mapping[str, str]
    people: Mapping[str, str]
    tokens: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class ReadableEntry:
    """An entry of the audit log for people.

    Attributes:
        action: what was done.
        subject: name of what was changed; "" if the action says it.
        link: page of the subject, or "".
        details: labels and values.
        reason: sentence that somebody gave, or "".
    """

    entry: AuditEntry
    action: str
    subject: str
    link: str
    details: tuple[tuple[str, str], ...]
    reason: str


def action_words(action: str) -> str:
    """Return an action in words: `campaign.start` as Campaign started."""
    if action in ACTIONS:
        return ACTIONS[action]
    noun, _, verb = action.partition(".")
    return f"{noun.capitalize()}: {verb.replace('-', ' ')}"


def readable(entry: AuditEntry, names: Names) -> ReadableEntry:
    """Return an entry in words."""
    details = json.loads(entry.details)
    subject, link = _subject(entry, details, names)
    reason = formatting.reason_text(str(details.pop("reason", "") or ""))
    if "name" in details and details["name"] == subject:
        del details["name"]
    shown = [
        (_label(name), text)
        for name, value in details.items()
        if name != "changes" and (text := _value(name, value, names))
    ]
    for name, (before, after) in details.get("changes", {}).items():
        setting = words_of_name(name.removeprefix("settings."))
        shown.append((LABELS.get(name, setting), f"{_text(before) or 'default'} → {_text(after) or 'default'}"))
    return ReadableEntry(entry, action_words(entry.action), subject, link, tuple(shown), reason)


def _subject(entry: AuditEntry, details: Mapping[str, Any], names: Names) -> tuple[str, str]:
    """Return name and page of what was changed."""
    noun, subject = entry.action.partition(".")[0], entry.subject
    if subject in names.campaigns:
        return names.campaigns[subject], f"/campaigns/{subject}"
    if noun == "session" or subject in UNNAMED:
        return ("" if entry.action != "session.refuse" else subject), ""
    named = {
        "release": (f"Model {subject}", f"/releases/{subject}"),
        "gate": (f"Model {subject}", f"/releases/{subject}"),
        "catalog": (f"Version {subject}", "/catalog"),
        "totp": (names.people.get(subject) or formatting.actor_name(entry.actor), ""),
        "person": (details.get("name") or names.people.get(subject) or formatting.actor_name(entry.actor), ""),
        "token": (details.get("name") or names.tokens.get(subject) or subject, ""),
        "campaign": (details.get("name") or subject, ""),
    }
    return named.get(noun, (subject, ""))


def _label(name: str) -> str:
    return LABELS.get(name, words_of_name(name))


def _value(name: str, value: Any, names: Names) -> str:
    """Return a value in words; "" for nothing to show."""
    if value is None or value in ("", [], {}):
        return ""
    words: dict[str, Callable[[Any], str]] = {
        "share": formatting.percent,
        "spent": lambda spent: f"{spent:.3f}",
        "base": lambda version: f"model {version}",
        "digest": lambda digest: f"{digest[:MAX_DIGEST_CHARACTERS]}…",
        "campaign": lambda campaign: names.campaigns.get(campaign, campaign),
        "hour": formatting.date_time,
        "of": formatting.date_time,
        "minutes": lambda minutes: formatting.counted(minutes, "minute"),
    }
    if name == "round" and value == 0:  # of an upload
        return ""
    try:
        return words[name](value) if name in words else _text(value)
    except (TypeError, ValueError):
        return _text(value)


def _text(value: Any) -> str:
    """Return any value of JSON as text without brackets and quotes."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (int, float)):
        return formatting.number(value)
    if isinstance(value, list):
        return ", ".join(_text(part) for part in value)
    if isinstance(value, dict):
        return ", ".join(f"{words_of_name(name)} {_text(part)}" for name, part in value.items())
    return str(value)
