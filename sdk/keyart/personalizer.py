"""Personalizer: the one object that an app holds. It knows all other rooms, and none of them knows it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Self

from .bundle.loading import check_bundle, load_model
from .catalog import Catalog, folded_kind, kind_of
from .context import Context
from .decision import Decision
from .diagnostics import Stats, Timings
from .errors import SettingError, UnknownDecision
from .history import Outcome, Reward, View
from .model.loaded_model import LoadedModel
from .model.policy import Policy, Uniform
from .model.ranker import Engine
from .profile.chooser import Chooser, ShownDecision
from .profile.consent import Consent
from .profile.retention import RetentionSettings
from .profile.session import Session
from .store.database import ForgetReceipt, RotateReceipt, Store
from .store.keys import KeyProvider

if TYPE_CHECKING:
    from .campaigns.budget import Budget
    from .campaigns.limits import Limits
    from .campaigns.participation import CampaignParticipation
    from .campaigns.receipts import Contribution
    from .campaigns.round_state import RoundProgress
    from .model.explain import Explanation
    from .model.transparency import Description
    from .profile.preferences import Preferences

log = logging.getLogger("keyart")

Mode = Literal["personalized", "non_profiled"]
AgeMode = Literal["adult", "child"]


def _now() -> datetime:
    return datetime.now(UTC)


class Personalizer:
    """Chooses artwork for one profile. Made by `Personalizer.open`; thread-safe.

    Without the consent "personalization", in mode "non_profiled" and in age mode "child" it chooses by content and
    context alone, and writes nothing about the person.
    """

    def __init__(
        self, session: Session, engine: Engine, limits: Limits | None, name: str, mode: Mode, age_mode: AgeMode
    ) -> None:
        self._session, self._engine, self._limits = session, engine, limits
        self._name, self._mode, self._age_mode = name, mode, age_mode
        self._timings = Timings()

    @classmethod
    def open(
        cls,
        path: str | Path,
        *,
        catalog: Catalog,
        keys: KeyProvider,
        bundle: str | Path | None = None,
        policy: Policy | None = None,
        profile: str = "default",
        mode: Mode = "personalized",
        age_mode: AgeMode = "adult",
        reward: Reward | None = None,
        retention_days: int = 90,
        outcome_window: timedelta = timedelta(hours=4),
        engine: Engine = "auto",
        rng: Uniform | None = None,
        clock: Callable[[], datetime] = _now,
        limits: Limits | None = None,
    ) -> Self:
        """Opens, or makes, the profile at `path`.

        bundle: folder of a bundle, or of installed ones; None: no model yet. retention_days: how long views and
        decisions are kept after they were written, 1 to 365. outcome_window: after which a picture that was `seen`
        and not answered counts as passed over. rng, clock: for tests and simulation. limits: what this device demands
        of a campaign before it answers. Raises WrongKey, StoreDamaged, StoreBusy, StoreFull, BundleError,
        EngineError, SettingError.
        """
        if not isinstance(catalog, Catalog):
            raise SettingError("catalog must be a keyart.Catalog; make one with Catalog.from_titles(…).")
        for name, value, known in (
            ("mode", mode, ("personalized", "non_profiled")),
            ("age_mode", age_mode, ("adult", "child")),
            ("engine", engine, ("auto", "onnxruntime", "numpy")),
        ):
            if value not in known:
                raise SettingError(f"{name} is {value!r}; use {', '.join(map(repr, known[:-1]))} or {known[-1]!r}.")
        profiling = mode == "personalized" and age_mode == "adult"
        terms = RetentionSettings(profiling, reward or Reward(), retention_days, outcome_window)
        policy = policy or Policy()
        catalog = catalog.without_kinds(policy.sensitive_kinds)
        installed = LoadedModel.nothing(catalog) if bundle is None else _installed(bundle, catalog, engine, policy)
        numbers = rng or random.Random()  # noqa: S311 (draws of pictures are no secret)
        chooser = Chooser(catalog, installed, policy, numbers)
        session = Session(
            lambda keys: Store.open(path, keys, profile, clock=clock), keys, chooser, terms, clock, rng is None
        )
        return cls(session, engine, limits, profile, mode, age_mode)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def consent(self) -> Consent:
        """What the person allows, by purpose."""
        return self._session.custody.consent

    @property
    def model_version(self) -> int:
        """Version of the bundle that chooses; 0 without one."""
        return self._session.chooser.installed.version

    @property
    def profiled(self) -> bool:
        """Whether choices may use, and the store may keep, anything about the person."""
        return self._session.custody.allowed

    def record(self, view: View) -> int:
        """Adds something watched to the history. Returns 1, or 0 where nothing may be kept (see `profiled`)."""
        return self.record_many([view])

    def record_many(self, views: Iterable[View]) -> int:
        """Adds views, all or none; titles outside the catalogue are kept for a later one. Returns how many."""
        rows = list(views)
        for view in rows:
            if not isinstance(view, View):
                raise SettingError(f"record takes keyart.View values, not {type(view).__name__}.")
        with self._session.writing:
            profile = self._session.person()
            if profile is None or not rows:
                return 0
            profile.record(rows)
            self._session.changed()
            return len(rows)

    def choose(self, title_id: str, context: Context) -> Decision:
        """The picture to show for a title. Raises UnknownTitle, ContextError. Never waits for the disk."""
        started = perf_counter()
        with self._session.lock:
            decision = self._session.chooser.choose(title_id, context, self._session.person())
        self._chosen(started)
        return decision

    def choose_page(self, title_ids: Sequence[str], context: Context) -> list[Decision]:
        """One decision a title, in the order asked, in one model run; title i stands at slot `context.slot + i`."""
        started = perf_counter()
        with self._session.lock:
            decisions = self._session.chooser.choose_page(title_ids, context, self._session.person())
        self._chosen(started)
        return decisions

    def preview(self, title_id: str, context: Context, beside: Sequence[str] = ()) -> dict[str, float]:
        """Chance of each picture of a title to be drawn here, by artwork id; draws nothing and keeps nothing.

        beside: artwork ids that the page shows already, in order. A picture that a title would keep for a while
        (`Policy.stickiness`) is not looked up. Raises UnknownTitle, SettingError.
        """
        with self._session.lock:
            return self._session.chooser.preview(title_id, context, beside, self._session.person())

    def seen(self, decision_id: str) -> bool:
        """The picture was on the screen. Without an outcome within `outcome_window` it will count as passed over.

        False where nothing may be kept, or where that, or an outcome, was known. Raises UnknownDecision.
        """
        with self._session.writing:
            profile = self._session.person_of(decision_id)
            if profile is None or not profile.see(decision_id):
                return False
            self._session.decided()
            self._session.changed()
            return True

    def observe(self, decision_id: str, outcome: Outcome) -> bool:
        """What became of a decision; stored, and learned from, when this returns.

        False where nothing may be kept, or where the outcome was known already. Raises UnknownDecision.
        """
        if not isinstance(outcome, Outcome):
            raise SettingError(
                f"observe takes a keyart.Outcome, not {type(outcome).__name__}; use Outcome.played(…)."
            )
        with self._session.writing:
            profile = self._session.person_of(decision_id)
            if profile is None:
                return False
            told = profile.observe(decision_id, outcome)
            self._session.changed()
            return told

    def explain(self, decision_id: str) -> Explanation:
        """Why that picture, as the model sees it now. Raises UnknownDecision."""
        with self._session.writing:
            profile = self._session.person()
            shown = self._session.chooser.recent.get(decision_id)
            if shown is None:
                entry = profile.journal.find(decision_id) if profile else None
                if entry is None:
                    raise UnknownDecision(
                        f"No decision {decision_id!r} to explain. Decisions made without consent are explained while "
                        "the app runs; removed, expired and forgotten ones are gone."
                    )
                shown = ShownDecision(entry, Context(entry.device, entry.at), True)
            with self._session.lock:
                return self._session.chooser.explain(shown, profile)

    def remove_title(self, title_id: str) -> int:
        """Removes a title's views and decisions, and what was learned from them. Returns how many there were."""
        return self._session.remove(lambda profile: profile.remove_title(title_id), lambda d: d.title_id == title_id)

    def remove_view(self, title_id: str, at: datetime) -> int:
        """Removes the views of a title that began at that moment. Returns how many there were."""
        return self._session.remove(lambda profile: profile.remove_view(title_id, at), lambda d: False)

    def remove_decision(self, decision_id: str) -> int:
        """Removes one decision with its outcome, and what was learned from it. Returns 1, or 0: there was none."""
        return self._session.remove(
            lambda profile: profile.remove_decision(decision_id), lambda d: d.id == decision_id
        )

    def like(self, tag: str) -> bool:
        """The person says that they like a tag, such as "genre:comedy": its pictures count for more from now on.

        False where nothing may be kept. Raises SettingError, also for a tag of a sensitive kind.
        """
        return self._state(tag, lambda preferences: preferences.like(tag))

    def dislike(self, tag: str) -> bool:
        """The same for what they do not like: its pictures count for less."""
        return self._state(tag, lambda preferences: preferences.dislike(tag))

    def clear_preference(self, tag: str) -> bool:
        """Takes back what was said of a tag; False if there was nothing. Needs no consent."""
        from .profile.preferences import Preferences

        with self._session.writing:
            cleared = Preferences(self._session.custody.store).clear(tag)
            if cleared:
                self._session.restated()
            return cleared

    def preferences(self) -> dict[str, float]:
        """What the person said: 1 for each tag that they like, −1 for each that they do not."""
        from .profile.preferences import Preferences

        with self._session.writing:
            return Preferences(self._session.custody.store).as_dict()

    def describe_parameters(self) -> Description:
        """What decides which picture is shown, in plain words, with shares measured here (DSA 27)."""
        from .model.transparency import describe

        with self._session.writing:
            person, chooser = self._session.person(), self._session.chooser
            slates = chooser.slates(person)
            return describe(
                chooser.catalog,
                chooser.installed,
                chooser.policy,
                slates.viewer,
                slates.head,
                self.preferences() if person else {},
                slates.own,
                slates.has_watched,
                profiled=person is not None,
                mode=self._mode,
                age_mode=self._age_mode,
            )

    def export(self) -> dict[str, Any]:
        """Everything held about the person, JSON-serialisable (docs/rights.md; GDPR 15 and 20)."""
        from .profile.data_export import export_profile

        with self._session.writing:
            session = self._session
            store, campaigns = session.custody.store, self._campaigns()
            return export_profile(
                self._name,
                session.clock(),
                self.consent,
                session.stored(),
                store,
                contributions=[asdict(contribution) for contribution in campaigns.contributions()],
                rounds=[asdict(round_.progress) for round_ in campaigns.rounds()],
                device_key=campaigns.known_device_key(),
            )

    def sent(self) -> list[Contribution]:
        """What left this device, oldest first (GDPR 15): one entry for each vector handed in to a campaign."""
        with self._session.writing:
            return self._campaigns().contributions()

    def budget(self) -> Budget:
        """What all campaigns so far may have given away of this profile, and the most that they ever may."""
        with self._session.writing:
            return self._campaigns().budget()

    def campaigns(self) -> list[RoundProgress]:
        """Rounds that this device is taking part in now, with their purpose, oldest first."""
        with self._session.writing:
            return [found.progress for found in self._campaigns().rounds()]

    def forget(self) -> ForgetReceipt:
        """Erases this profile, consent included, so that no key and no record is left; it goes on empty (GDPR 17)."""
        with self._session.writing:
            return self._session.forget()

    def rotate_keys(self, keys: KeyProvider | None = None) -> RotateReceipt:
        """New keys for this profile, and all its records sealed anew; old ones open nothing any more.

        keys: where the root key comes from, from now on; None: from where it came before. Other profiles of the same
        file go along. A kill leaves the old keys or the new ones. Raises StoreFull, StoreError.
        """
        with self._session.writing:
            self._session.person()
            return self._session.rotate(keys)

    def device_key(self) -> bytes | None:
        """The public key (Ed25519, 32 bytes) to have certified for `enrol`, drawn at the first call; None without the
        consents that a campaign needs. `forget` ends it: after that there is another one."""
        with self._session.writing:
            return self._campaigns().device_key() if self._takes_part() else None

    def enrol(self, certificate: bytes) -> bool:
        """Keeps the issuer's certificate of `device_key()`; without one every protected campaign is declined.

        False where nothing may be kept. Raises MessageError for one that other devices would not take.
        """
        with self._session.writing:
            allowed = self._takes_part()
            if allowed:
                self._campaigns().enrol(certificate)
            return allowed

    def arm(self, experiment: str, arms: int) -> int | None:
        """In which arm of an experiment this profile is, 0 … arms − 1: always the same, and the server never knows.

        None without the consents that a campaign needs. Raises SettingError.
        """
        with self._session.writing:
            return self._campaigns().arm(experiment, arms) if self._takes_part() else None

    def answer(self, message: bytes) -> bytes | None:
        """One step of a campaign: bytes for the server, or None where this device declines (docs/outbound.md).

        Raises MessageError for bytes that are no message of keyart's protocol.
        """
        with self._session.writing:
            profile, chooser = self._session.person(), self._session.chooser
            if profile is None or not self.consent.allows("federated"):
                self._session.custody.drop_rounds()
                return None
            return self._campaigns().answer(message, profile, chooser.installed, chooser.catalog, chooser.policy)

    def leave(self, round_id: bytes) -> bool:
        """Lets go of a round that took this device's keys and nothing else: its server has no place for them. Whether
        there was one. round_id: [32], as in every message of the round."""
        with self._session.writing:
            return self._takes_part() and self._campaigns().leave(round_id)

    def install(self, bundle: str | Path, validate: bool = False) -> int:
        """Swaps in another bundle, after every check and the canary; returns the version that chooses now. The head
        is re-fitted.

        validate: keep the one before where the new one does clearly worse on this device's own log
        (`keyart.profile.acceptance`); until the next `open`, which takes what its `bundle` says. Raises a BundleError
        where the bundle breaks a rule; then, too, the one before goes on choosing.
        """
        with self._session.writing:
            chooser = self._session.chooser
            installed = _installed(bundle, chooser.catalog, self._engine, chooser.policy)
            check_bundle(bundle, installed)
            profile = self._session.custody.profile
            if validate and not self._adopts(installed):
                return self.model_version
            learned = [tag for tag in (profile.learned() if profile else {}) if tag != "bias"]
            kept = sum(tag in installed.spec.artwork_place for tag in learned)
            self._session.install(installed)
            log.info("Model %d is installed; the head keeps %d of %d tags", installed.version, kept, len(learned))
            return installed.version

    def stats(self) -> Stats:
        """How fast choices are, and how large the profile is; nothing about the person is in it."""
        with self._session.writing:
            custody = self._session.custody
            return Stats(
                engine=self._session.chooser.installed.ranker.name,
                model_version=self.model_version,
                choices=self._timings.count,
                choose_p50_us=self._timings.quantile_us(0.5),
                choose_p99_us=self._timings.quantile_us(0.99),
                head_updates=custody.profile.learner.outcomes if custody.profile else 0,
                pending=custody.journal.pending,
                store_bytes=custody.store.size_bytes,
            )

    def flush(self) -> None:
        """Returns when everything so far, decisions without an outcome too, survives a power cut."""
        with self._session.writing:
            self._session.flush()

    def close(self) -> None:
        """Writes what is pending and closes the profile. A second call does nothing."""
        self._session.close()

    def _adopts(self, installed: LoadedModel) -> bool:
        from .profile.acceptance import compare_models

        profile = self._session.person()
        if profile is None or compare_models(profile, self._session.chooser.installed, installed).adopted:
            return True
        log.warning("Model %d is not installed: on this device it does clearly worse", installed.version)
        return False

    def _takes_part(self) -> bool:
        return self._session.person() is not None and self.consent.allows("federated")

    def _campaigns(self) -> CampaignParticipation:
        from .campaigns.limits import Limits
        from .campaigns.participation import CampaignParticipation

        return CampaignParticipation(self._session.custody.store, self._limits or Limits(), self._session.clock())

    def _chosen(self, started: float) -> None:
        self._session.decided()
        self._timings.seconds.append(perf_counter() - started)
        self._timings.count += 1

    def _state(self, tag: str, change: Callable[[Preferences], None]) -> bool:
        from .profile.preferences import Preferences

        session = self._session
        if isinstance(tag, str) and folded_kind(tag) in session.chooser.policy.sensitive_kinds:
            raise SettingError(f"{tag!r} cannot be a preference: this app never chooses by {kind_of(tag)}.")
        with session.writing:
            if session.person() is None:
                return False
            change(Preferences(session.custody.store))
            session.restated()
            return True


def _installed(bundle: str | Path, catalog: Catalog, engine: Engine, policy: Policy) -> LoadedModel:
    installed = load_model(bundle, catalog, engine)
    # Latents are of no kind, so they might tell what a kind tells that is never to be used.
    return replace(installed, latents=None) if policy.sensitive_kinds else installed
