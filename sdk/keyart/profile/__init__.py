"""The state of one person: event log, consent, retention, what was learned, and the session of an open profile.

It may use `keyart.model` and `keyart.store` and the modules below them; it knows neither bundles nor campaigns.
Import names from here; each brings its module on first use.

    session       one open profile while the app runs: its locks, and work in the background
    retention     what is held of a person, and for how long
    profile       what is known of a person, and the features that follow from it
    chooser       draws artworks for a profile
    learner       what outcomes on this device have taught it
    event_log, event_codec    views, decisions and outcomes in the store
    snapshot      a summary of the event log, for a fast start
    consent       what the person allows, by purpose
    preferences   tags that the person likes or dislikes
    acceptance    whether a new bundle does worse on this device's own log
    data_export   everything held about a person as one document
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .consent import CONSENT_TEXTS, PURPOSES, Consent, ConsentReceipt, Purpose
    from .event_codec import Entry
    from .event_log import EventLog
    from .learner import Learner

__all__ = [
    "CONSENT_TEXTS",
    "PURPOSES",
    "Consent",
    "ConsentReceipt",
    "Entry",
    "EventLog",
    "Learner",
    "Purpose",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "consent": "CONSENT_TEXTS PURPOSES Consent ConsentReceipt Purpose",
        "event_codec": "Entry",
        "event_log": "EventLog",
        "learner": "Learner",
    },
)
