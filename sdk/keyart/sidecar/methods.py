"""The methods of the sidecar by name: what each takes, and the call of `Personalizer` behind it.

A method's parameters are those of its function, read by the readers of `values`. `profile` names an open profile.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

from .. import __version__
from ..context import Context
from ..errors import SettingError
from ..history import Outcome, View
from ..intent import from_text
from ..model.policy import Policy
from ..profile.consent import Purpose
from . import values
from .household import Household
from .json_rpc import Method
from .values import as_json

PROTOCOL: Final = "keyart-rpc/1"
DEFAULT_PROFILE: Final = "default"
# Names on the wire, where they are not those of the functions.
WIRE_NAMES: Final = {
    "grant_consent": "consent.grant",
    "withdraw_consent": "consent.withdraw",
    "allows": "consent.allows",
    "like": "preferences.like",
    "dislike": "preferences.dislike",
    "clear_preference": "preferences.clear",
    "preferences": "preferences.list",
}

# How each parameter is read, by its name: a name means the same in every method.
READERS: Final[Mapping[str, Callable[[Any], Any]]] = {
    "age_mode": values.text, "at": values.moment, "beside": values.texts, "bundle": values.path,
    "catalog": values.path, "context": values.context, "decision_id": values.text, "language": values.text,
    "max_maturity": values.any_text, "message": values.message, "mode": values.text, "outcome": values.outcome,
    "passphrase": values.text, "policy": values.policy, "profile": values.text, "protocol": values.text,
    "purpose": values.text, "retention_days": values.whole_number, "tag": values.text, "text": values.text,
    "title_id": values.text, "title_ids": values.texts, "valid_days": values.whole_number,
    "validate": values.flag, "views": values.views,
}  # fmt: skip


class SidecarMethods:
    """The methods; each public one can be called by wire."""

    def __init__(self, household: Household, shut_down: Callable[[], None]) -> None:
        self._household, self._shut_down = household, shut_down

    def initialize(self, protocol: str = PROTOCOL) -> dict[str, Any]:
        """Agree on the protocol; the answer lists the methods and their parameters."""
        if protocol != PROTOCOL:
            raise SettingError(f"This sidecar speaks {PROTOCOL}, not {protocol[:40]!r}.")
        table = method_table(self._household, self._shut_down)
        methods = {
            name: {"summary": one.summary, "params": list(one.readers), "required": sorted(one.required)}
            for name, one in table.items()
        }
        return {"protocol": PROTOCOL, "keyart": __version__, "methods": methods}

    def open(
        self,
        profile: str = DEFAULT_PROFILE,
        passphrase: str | None = None,
        policy: Policy | None = None,
        mode: str = "personalized",
        age_mode: str = "adult",
        max_maturity: str = "",
        retention_days: int = 90,
    ) -> dict[str, Any]:
        """Open a profile, or create it."""
        settings = {
            "policy": policy, "mode": mode, "age_mode": age_mode, "max_maturity": max_maturity,
            "retention_days": retention_days,
        }  # fmt: skip
        art = self._household.open(profile, passphrase, settings)
        return {
            "profile": profile, "model_version": art.model_version, "profiled": art.profiled,
            "read_only": art.read_only,
        }  # fmt: skip

    def close(self, profile: str = DEFAULT_PROFILE) -> None:
        """Write what is pending and close a profile."""
        self._household.close(profile)

    def profiles(self) -> list[str]:
        """Return the names of the open profiles."""
        return self._household.names()

    def choose(self, title_id: str, context: Context, profile: str = DEFAULT_PROFILE) -> Any:
        """Choose the artwork to show for a title."""
        return self._household.profile(profile).choose(title_id, context)

    def choose_page(self, title_ids: list[str], context: Context, profile: str = DEFAULT_PROFILE) -> Any:
        """Choose an artwork for each title of a page."""
        return self._household.profile(profile).choose_page(title_ids, context)

    def intent(self, text: str, language: str | None = None) -> dict[str, float]:
        """Return what a sentence of the viewer asks for, for the intent of a context; it is kept nowhere."""
        return from_text(text, language=language)

    def preview(
        self, title_id: str, context: Context, beside: list[str] | None = None, profile: str = DEFAULT_PROFILE
    ) -> Any:
        """Return the probability of each artwork of a title, without drawing or keeping anything."""
        return self._household.profile(profile).preview(title_id, context, beside or ())

    def seen(self, decision_id: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Record that the artwork was on the screen."""
        return self._household.profile(profile).seen(decision_id)

    def observe(self, decision_id: str, outcome: Outcome, profile: str = DEFAULT_PROFILE) -> bool:
        """Store the outcome of a decision and learn from it; the answer comes once it is on the disk."""
        return self._household.profile(profile).observe(decision_id, outcome)

    def record(self, views: list[View], profile: str = DEFAULT_PROFILE) -> int:
        """Add views to the history, all or none; the answer comes once they are on the disk."""
        return self._household.profile(profile).record_many(views)

    def explain(self, decision_id: str, language: str = "en", profile: str = DEFAULT_PROFILE) -> Any:
        """Explain why a decision shows its artwork, in words and numbers."""
        explanation = self._household.profile(profile).explain(decision_id, language=language)
        return {**as_json(explanation), "text": explanation.text}

    def describe_parameters(self, profile: str = DEFAULT_PROFILE) -> Any:
        """Describe in plain words what decides which artwork is shown."""
        return self._household.profile(profile).describe_parameters()

    def grant_consent(
        self, purpose: str, text: str | None = None, valid_days: int | None = None, profile: str = DEFAULT_PROFILE
    ) -> Any:
        """Allow a purpose from now on; `text` is what the person was shown."""
        validity = {} if valid_days is None else {"valid": timedelta(days=valid_days)}
        return self._household.profile(profile).consent.grant(cast(Purpose, purpose), text=text, **validity)

    def withdraw_consent(self, purpose: str, profile: str = DEFAULT_PROFILE) -> Any:
        """Forbid a purpose from now on."""
        return self._household.profile(profile).consent.withdraw(cast(Purpose, purpose))

    def allows(self, purpose: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Return whether a purpose is granted at this moment."""
        return self._household.profile(profile).consent.allows(cast(Purpose, purpose))

    def like(self, tag: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Record that the person likes a tag."""
        return self._household.profile(profile).preferences.like(tag)

    def dislike(self, tag: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Record that the person dislikes a tag."""
        return self._household.profile(profile).preferences.dislike(tag)

    def clear_preference(self, tag: str, profile: str = DEFAULT_PROFILE) -> bool:
        """Remove the preference for a tag."""
        return self._household.profile(profile).preferences.clear(tag)

    def preferences(self, profile: str = DEFAULT_PROFILE) -> dict[str, float]:
        """Return 1 for each tag that the person likes, and −1 for each that they dislike."""
        return self._household.profile(profile).preferences.as_dict()

    def remove_title(self, title_id: str, profile: str = DEFAULT_PROFILE) -> int:
        """Remove what is kept about one title; return the number of records."""
        return self._household.profile(profile).remove_title(title_id)

    def export(self, profile: str = DEFAULT_PROFILE) -> dict[str, Any]:
        """Return everything held about the person."""
        return self._household.profile(profile).export()

    def forget(self, profile: str = DEFAULT_PROFILE) -> Any:
        """Erase the profile, consent included."""
        return self._household.profile(profile).forget()

    def answer(self, message: bytes, profile: str = DEFAULT_PROFILE) -> bytes | None:
        """Take one step of a campaign; messages are in base64, null declines."""
        return self._household.profile(profile).answer(message)

    def install(self, bundle: Path, validate: bool = False) -> dict[str, int]:
        """Install a model bundle in every open profile; return the version of each."""
        return self._household.install(bundle, validate)

    def set_catalog(self, catalog: Path) -> int:
        """Choose from another catalogue from now on; return its number of titles."""
        return self._household.set_catalog(catalog)

    def stats(self, profile: str = DEFAULT_PROFILE) -> Any:
        """Return how fast choices are and how large the profile is."""
        return self._household.profile(profile).stats()

    def flush(self, profile: str = DEFAULT_PROFILE) -> None:
        """Answer once everything so far survives a power cut."""
        self._household.profile(profile).flush()

    def shutdown(self) -> None:
        """Close every profile and end the process."""
        self._household.close_all()
        self._shut_down()


def method_table(household: Household, shut_down: Callable[[], None]) -> dict[str, Method]:
    """Return the methods by name.

    Args:
        household: The profiles that the methods use.
        shut_down: Called by the method `shutdown`; the process ends once the answer is sent.
    """
    methods = SidecarMethods(household, shut_down)
    return {
        WIRE_NAMES.get(name, name): _method(getattr(methods, name))
        for name in vars(SidecarMethods)
        if not name.startswith("_")
    }


def _method(function: Callable[..., Any]) -> Method:
    taken = inspect.signature(function).parameters
    return Method(
        lambda **given: as_json(function(**given)),
        {name: READERS[name] for name in taken},
        frozenset(name for name, about in taken.items() if about.default is inspect.Parameter.empty),
        (function.__doc__ or "").partition("\n")[0],
    )
