"""The events that a process logs: a stable vocabulary, one line an event, the listed fields and no others.

Most events are rows of the audit log, and their line is made from the row (`audit_log`), so that the two cannot
differ. The others leave no row: they are too many, or belong to a process without the server's database. Fields name
campaigns, rounds, releases and operators; none names a viewer, a title or a device, or holds an address or a secret.
docs/reference/log-events.md has the same table.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

log = logging.getLogger("keyart.events")
INFO, WARNING = logging.INFO, logging.WARNING


@dataclass(frozen=True, slots=True)
class LogEvent:
    """Level and fields of an event.

    Attributes:
        level: level of the line.
        subject: field that holds the subject of the event's audit row; "" leaves it out.
        fields: further fields, which are details of that row or arguments of `emit`.
        audited: whether the event is a row of the audit log.
    """

    level: int = INFO
    subject: str = ""
    fields: tuple[str, ...] = ()
    audited: bool = True


_ROUND: Final = ("round", "kind")
_RELEASE: Final = LogEvent(subject="release", fields=("standing", "share", "reason"))
_RELEASE_WARNING: Final = LogEvent(WARNING, "release", ("standing", "share", "reason"))
_KEYS: Final = LogEvent(WARNING, "", ("roles", "root"))

EVENTS: Final[Mapping[str, LogEvent]] = {
    "budget.change": LogEvent(WARNING, "", ("epsilon", "delta")),
    "budget.charge": LogEvent(INFO, "campaign", ("round", "spent")),
    "budget.return": LogEvent(INFO, "campaign", ("round", "spent")),
    "campaign.change": LogEvent(INFO, "campaign"),
    "campaign.create": LogEvent(INFO, "campaign", ("kind", "epsilon", "rounds")),
    "campaign.delete": LogEvent(INFO, "campaign", ("kind",)),
    "campaign.finish": LogEvent(INFO, "campaign", ("reason",)),
    "campaign.pause": LogEvent(WARNING, "campaign", ("reason",)),
    "campaign.resume": LogEvent(INFO, "campaign", ("reason",)),
    "campaign.start": LogEvent(INFO, "campaign", ("reason",)),
    "campaign.stop": LogEvent(INFO, "campaign", ("reason",)),
    "catalog.upload": LogEvent(INFO, "catalog"),
    "device.enrol": LogEvent(INFO, "", ("count", "hour")),
    "device.vouchers": LogEvent(INFO, "", ("count",)),
    "gate.judge": LogEvent(INFO, "release", ("gate", "verdict")),
    "invitation.issue": LogEvent(INFO, "role"),
    "issuer.insecure": LogEvent(WARNING),
    "keys.renew": _KEYS,
    "keys.renewed": _KEYS,
    "keys.rotate": _KEYS,
    "keys.rotated": _KEYS,
    "person.join": LogEvent(INFO, "account", ("role",)),
    "person.remove": LogEvent(WARNING, "account"),
    "person.role": LogEvent(WARNING, "account", ("role",)),
    "release.adopt": LogEvent(INFO, "release"),
    "release.examine": _RELEASE,
    "release.promote": _RELEASE,
    "release.hold": _RELEASE_WARNING,
    "release.propose": LogEvent(INFO, "release", ("campaign", "round", "base")),
    "release.publish": _RELEASE,
    "release.refuse": _RELEASE_WARNING,
    "release.wait": _RELEASE_WARNING,
    "release.widen": _RELEASE,
    "release.withdraw": _RELEASE_WARNING,
    "round.advance": LogEvent(INFO, "campaign", (*_ROUND, "stage", "asked", "answered", "minimum", "seconds")),
    "round.fail": LogEvent(WARNING, "campaign", (*_ROUND, "stage", "seconds", "reason")),
    "round.finish": LogEvent(INFO, "campaign", (*_ROUND, "answered", "seconds")),
    "round.start": LogEvent(INFO, "campaign", (*_ROUND, "asked", "minimum")),
    "session.begin": LogEvent(INFO, "account", ("factor",)),
    "session.end": LogEvent(),
    "session.refuse": LogEvent(WARNING, "account", ("failures", "minutes")),
    "state.backup": LogEvent(INFO, "", ("rows",)),
    "state.restore": LogEvent(WARNING, "", ("of",)),
    "token.issue": LogEvent(INFO, "token", ("scopes",)),
    "token.revoke": LogEvent(INFO, "token"),
    "totp.codes": LogEvent(INFO, "account"),
    "totp.enrol": LogEvent(INFO, "account"),
    "totp.recover": LogEvent(WARNING, "account"),
    "totp.reset": LogEvent(WARNING, "account"),
    "webhook.create": LogEvent(WARNING, "webhook"),
    "webhook.disable": LogEvent(WARNING, "webhook"),
    "webhook.enable": LogEvent(INFO, "webhook"),
    "webhook.remove": LogEvent(INFO, "webhook"),
    "webhook.rotate": LogEvent(INFO, "webhook"),
    # Without a row:
    "certificate.count": LogEvent(INFO, "", ("certified", "refused", "revoked"), audited=False),
    "process.start": LogEvent(INFO, "", ("program", "version"), audited=False),
    "revocation.publish": LogEvent(INFO, "", ("list", "count"), audited=False),
    "sign-in.fail": LogEvent(WARNING, "", (), audited=False),
    "token.use": LogEvent(INFO, "token", (), audited=False),
}


def emit(event: str, **fields: object) -> None:
    """Log an event. An event outside the vocabulary is logged by its name alone."""
    described = EVENTS.get(event, LogEvent())
    known = {"actor", "audit", described.subject, *described.fields}
    log.log(described.level, event, extra={name: value for name, value in fields.items() if name in known})


def emit_audited(event: str, number: int, actor: str, subject: str, details: Mapping[str, object]) -> None:
    """Log a row of the audit log.

    A person's own words (`reason`) stay in the audit log: people may write anything into them.
    """
    described = EVENTS.get(event, LogEvent())
    fields = {name: details[name] for name in described.fields if details.get(name) not in (None, "")}
    if actor.startswith("person:"):
        fields.pop("reason", None)
    if described.subject:
        fields[described.subject] = subject
    emit(event, **fields, actor=actor, audit=number)
