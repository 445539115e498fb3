"""The object that an app holds. It builds on every other package of the SDK, and none of them knows it."""

from __future__ import annotations

import logging
import random
import weakref
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal, Self

from .bundle.loading import bundle_in, check_bundle, load_model
from .catalog import Catalog, check_rating
from .context import Context
from .decision import Decision
from .diagnostics import Stats, Timings
from .errors import SettingError, UnknownDecision
from .history import Outcome, Reward, View
from .model.eligibility import NO_AGE_LIMIT, AgeLimit
from .model.loaded_model import LoadedModel
from .model.policy import Policy, Uniform
from .model.ranker import Engine
from .profile.chooser import Chooser, ShownDecision
from .profile.consent import Consent, ProfilePurpose
from .profile.retention import RetentionSettings
from .profile.session import Session
from .store.database import ForgetReceipt, RotateReceipt, Store
from .store.keys import KeyProvider

if TYPE_CHECKING:
    from .campaigns.limits import Limits
    from .federated_rounds import FederatedRounds
    from .model.explain import Explanation
    from .model.transparency import Description
    from .profile.viewer_preferences import ViewerPreferences

log = logging.getLogger("keyart")

Mode = Literal["personalized", "non_profiled"]
AgeMode = Literal["adult", "child"]


def _now() -> datetime:
    return datetime.now(UTC)


class Personalizer:
    """Chooses artwork for one profile. Open it with `Personalizer.open`; it is thread-safe.

    Without the consent "personalization", in mode "non_profiled" and in age mode "child" it chooses by content and
    context alone, and writes nothing about the person.
    """

    def __init__(
        self, session: Session, engine: Engine, limits: Limits | None, name: str, mode: Mode, age_mode: AgeMode
    ) -> None:
        self._session, self._engine, self._limits = session, engine, limits
        self._name, self._mode, self._age_mode = name, mode, age_mode
        self._timings = Timings()
        self._bundle: Path | None = None  # of the installed model; a folder of slots may go on to another
        self._closing = weakref.finalize(self, session.close_dropped)

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
        max_maturity: str = "",
        reward: Reward | None = None,
        retention_days: int = 90,
        outcome_window: timedelta = timedelta(hours=4),
        engine: Engine = "auto",
        rng: Uniform | None = None,
        clock: Callable[[], datetime] = _now,
        limits: Limits | None = None,
        purpose: ProfilePurpose = "personalization",
    ) -> Self:
        """Open the profile at `path`, or create it.

        Profiles of one file may be open at the same time in one process, each under its own name. Storage that is
        read-only opens for choosing alone; see `read_only`. Close the profile after use: one that is dropped is
        closed then, with a ResourceWarning.

        Args:
            path: File of the profile.
            catalog: The app's catalogue.
            keys: Source of the key that opens the profile.
            bundle: Folder of a model bundle, or of installed ones. None if there is no model yet.
            policy: Settings of choosing.
            profile: Name of the profile within the file.
            mode: "non_profiled" never uses or keeps anything about the person.
            age_mode: "child" does the same, whatever was granted before. It needs `max_maturity`, and shows no
                artwork without an age rating.
            max_maturity: Highest age rating that this profile is shown, such as "6+", "PG" or "FSK 6"; "" for any.
                It holds for every choice beside the limit of the context. Where it leaves no artwork of a title,
                `Decision.artwork_id` is None.
            reward: Thresholds of a quality play.
            retention_days: Number of days for which views and decisions are kept, 1 to 365.
            outcome_window: Time after which an artwork that was seen without an outcome counts as skipped.
            engine: Engine that runs the model.
            rng: Source of the numbers that draw artworks. For tests and simulation.
            clock: The present time. For tests and simulation.
            limits: What this device demands of a campaign before it answers.
            purpose: The consent that the profile needs: "advertising" is for a profile of advertisements, beside the
                viewer's own, which learns from what became of them alone and takes part in no rounds.

        Raises:
            WrongKey: The keys do not open the profile.
            StoreDamaged: The file is not a profile, or bytes in it have changed.
            StoreBusy: This profile is open in this process, or its file in another process.
            StoreFull: The disk is full or failing.
            BundleError: The bundle breaks a rule.
            EngineError: The engine is not installed.
            SettingError: A setting is out of range, or a child's profile has no age limit.
        """
        if not isinstance(catalog, Catalog):
            raise SettingError("catalog must be a keyart.Catalog; make one with Catalog.from_titles(…).")
        for name, value, choices in (
            ("mode", mode, ("personalized", "non_profiled")),
            ("age_mode", age_mode, ("adult", "child")),
            ("engine", engine, ("auto", "onnxruntime", "numpy")),
            ("purpose", purpose, ("personalization", "advertising")),
        ):
            if value not in choices:
                raise SettingError(
                    f"{name} is {value!r}; use {', '.join(map(repr, choices[:-1]))} or {choices[-1]!r}."
                )
        check_rating(max_maturity, "max_maturity", SettingError)
        if age_mode == "child" and not max_maturity:
            raise SettingError(
                "A child's profile needs an age limit: write max_maturity='6+', or 'PG', 'TV-Y7', 'FSK 6' …, with "
                "age_mode='child'. No artwork above it, or without a rating, is shown."
            )
        limit = AgeLimit((max_maturity,), age_mode == "child") if max_maturity else NO_AGE_LIMIT
        profiling = mode == "personalized" and age_mode == "adult"
        terms = RetentionSettings(profiling, reward or Reward(), retention_days, outcome_window, purpose)
        policy = policy or Policy()
        catalog = catalog.without_kinds(policy.sensitive_kinds)
        installed = _model(bundle, catalog, engine, policy)
        numbers = rng or random.Random()  # noqa: S311 (draws of pictures are no secret)
        chooser = Chooser(catalog, installed, policy, numbers, limit)
        session = Session(
            lambda keys: Store.open(path, keys, profile, clock=clock), keys, chooser, terms, clock, rng is None
        )
        art = cls(session, engine, limits, profile, mode, age_mode)
        art._bundle = None if bundle is None else bundle_in(bundle)
        if art.read_only:
            log.warning("The storage of the profile is read-only: artwork is chosen, and nothing can be learned")
        return art

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def consent(self) -> Consent:
        """Return what the person allows, by purpose."""
        return self._session.custody.consent

    @property
    def model_version(self) -> int:
        """Return the version of the bundle that chooses; 0 without one."""
        return self._session.chooser.installed.version

    @property
    def profiled(self) -> bool:
        """Return True if choices may use, and the store may keep, anything about the person."""
        return self._session.custody.allowed

    @property
    def read_only(self) -> bool:
        """Return True if the storage could not be written at `open`.

        Then choices use what is known of the person, and nothing is learned: `record`, `seen` and `observe` keep
        nothing and say so (0 or False), and consents, preferences, `remove_…`, `forget` and `rotate_keys` raise
        StoreFull.
        """
        return self._session.read_only

    @cached_property
    def federated(self) -> FederatedRounds:
        """Return the federated rounds of this profile: the device's key, its campaigns, receipts and budget."""
        from .federated_rounds import FederatedRounds

        return FederatedRounds(self._session, self._limits)

    @cached_property
    def preferences(self) -> ViewerPreferences:
        """Return the preferences that the person states: likes and dislikes of tags."""
        from .profile.viewer_preferences import ViewerPreferences

        return ViewerPreferences(self._session)

    def record(self, view: View) -> int:
        """Add a view to the history.

        Returns:
            1, or 0 if nothing may be kept (see `profiled` and `read_only`).
        """
        return self.record_many([view])

    def record_many(self, views: Iterable[View]) -> int:
        """Add views, all or none. Views of titles outside the catalogue are kept for a later catalogue.

        Returns:
            Number of views that were added.
        """
        rows = list(views)
        for view in rows:
            if not isinstance(view, View):
                raise SettingError(f"record takes keyart.View values, not {type(view).__name__}.")
        with self._session.writing:
            profile = self._session.person()
            if profile is None or self._session.read_only or not rows:
                return 0
            profile.record(rows)
            self._session.changed()
            return len(rows)

    def choose(self, title_id: str, context: Context) -> Decision:
        """Choose the artwork to show for a title. It never waits for the disk.

        Where the age limits of the profile and of the context allow none, `Decision.artwork_id` is None.

        Raises:
            UnknownTitle: The catalogue does not have the title.
            ContextError: The context cannot be used.
        """
        started = perf_counter()
        with self._session.lock:
            decision = self._session.chooser.choose(title_id, context, self._session.person())
        self._chosen(started)
        return decision

    def choose_page(
        self, title_ids: Sequence[str], context: Context, *, unknown: Literal["report", "raise"] = "report"
    ) -> list[Decision]:
        """Choose an artwork for each title of a page, in one model run.

        Args:
            title_ids: The titles, in the order of the page.
            context: The context of the page.
            unknown: "report" answers a title that the catalogue does not have with a decision without an artwork
                (`artwork_id` None), and the rest of the page as ever; "raise" raises UnknownTitle.

        Returns:
            One decision a title, in the order asked; title i stands at slot `context.slot + i`.

        Raises:
            UnknownTitle: The catalogue does not have a title, and `unknown` is "raise"; or an id is not a text.
            ContextError: The context cannot be used.
        """
        if unknown not in ("report", "raise"):
            raise SettingError(f"unknown is {unknown!r}; use 'report' or 'raise'.")
        started = perf_counter()
        with self._session.lock:
            decisions = self._session.chooser.choose_page(
                title_ids, context, self._session.person(), unknown == "report"
            )
        self._chosen(started)
        return decisions

    def preview(self, title_id: str, context: Context, beside: Sequence[str] = ()) -> dict[str, float]:
        """Return the probability of each artwork of a title, without drawing or keeping anything.

        Args:
            title_id: The title.
            context: The context of the choice. An artwork that the title would keep for a while (`Policy.stickiness`)
                is not looked up.
            beside: Ids of the artworks that the page shows already, in order.

        Returns:
            Probabilities by artwork id; all 0 where the age limits allow no artwork.

        Raises:
            UnknownTitle: The catalogue does not have the title.
            SettingError: The catalogue does not have an artwork of `beside`.
        """
        with self._session.lock:
            return self._session.chooser.preview(title_id, context, beside, self._session.person())

    def seen(self, decision_id: str) -> bool:
        """Record that the artwork was on the screen.

        Without an outcome within `outcome_window` it will count as skipped.

        Returns:
            False if nothing may be kept, if the decision shows no artwork, or if it was already seen or has an
            outcome.

        Raises:
            UnknownDecision: This profile does not have the decision.
        """
        with self._session.writing:
            profile = self._session.person_of(decision_id)
            if profile is None or not profile.see(decision_id):
                return False
            self._session.decided()
            self._session.changed()
            return True

    def observe(self, decision_id: str, outcome: Outcome) -> bool:
        """Store the outcome of a decision and learn from it, before this returns.

        Returns:
            False if nothing may be kept, if the decision shows no artwork, or if the outcome is already known.

        Raises:
            UnknownDecision: This profile does not have the decision.
        """
        if not isinstance(outcome, Outcome):
            raise SettingError(
                f"observe takes a keyart.Outcome, not {type(outcome).__name__}; use Outcome.played(…)."
            )
        with self._session.writing:
            profile = self._session.person_of(decision_id)
            if profile is None:
                return False
            is_new = profile.observe(decision_id, outcome)
            self._session.changed()
            return is_new

    def explain(self, decision_id: str, *, language: str = "en") -> Explanation:
        """Explain why a decision shows its artwork, or none, as the model sees it now.

        Args:
            decision_id: The decision.
            language: Language of the sentences: "de", "en", "es", "fr" or "ja".

        Raises:
            SettingError: keyart does not speak the language.
            UnknownDecision: The decision is not known, or its artwork has left the catalogue.
        """
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
                return self._session.chooser.explain(shown, profile, language)

    def remove_title(self, title_id: str) -> int:
        """Remove a title's views and decisions, and everything learned from them.

        Returns:
            Number of views and decisions that were removed.
        """
        return self._session.remove(lambda profile: profile.remove_title(title_id), lambda d: d.title_id == title_id)

    def remove_view(self, title_id: str, at: datetime) -> int:
        """Remove the views of a title that began at a moment.

        Returns:
            Number of views that were removed.
        """
        return self._session.remove(lambda profile: profile.remove_view(title_id, at), lambda d: False)

    def remove_decision(self, decision_id: str) -> int:
        """Remove a decision with its outcome, and everything learned from it.

        Returns:
            1, or 0 if there was no such decision.
        """
        return self._session.remove(
            lambda profile: profile.remove_decision(decision_id), lambda d: d.id == decision_id
        )

    def describe_parameters(self) -> Description:
        """Describe in plain words what decides which artwork is shown (DSA 27).

        The shares are measured on this device.
        """
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
                self.preferences.as_dict() if person else {},
                slates.own,
                slates.has_watched,
                slates.limit,
                profiled=person is not None,
                mode=self._mode,
                age_mode=self._age_mode,
            )

    def export(self) -> dict[str, Any]:
        """Return everything held about the person, JSON-serialisable (docs/reference/rights.md; GDPR 15 and 20)."""
        from .profile.data_export import export_profile

        with self._session.writing:
            session = self._session
            return export_profile(
                self._name,
                session.clock(),
                self.consent,
                session.stored(),
                session.custody.store,
                **self.federated.exported(),
            )

    def forget(self) -> ForgetReceipt:
        """Erase this profile, consent included, so that no key and no record is left; it goes on empty (GDPR 17)."""
        with self._session.writing:
            return self._session.forget()

    def rotate_keys(self, keys: KeyProvider | None = None) -> RotateReceipt:
        """Replace the keys of this profile and seal all its records anew. The old keys then open nothing.

        A kill leaves either the old keys or the new ones. Other profiles of the same file move to the new root key
        too.

        Args:
            keys: Source of the root key from now on. None keeps the source.

        Raises:
            StoreFull: The disk is full, read-only or failing.
            StoreError: A key store failed.
        """
        with self._session.writing:
            self._session.person()
            return self._session.rotate(keys)

    def answer(self, message: bytes) -> bytes | None:
        """Take one step of a campaign; the same as `federated.answer`."""
        return self.federated.answer(message)

    def install(self, bundle: str | Path, validate: bool = False) -> int:
        """Install another bundle after every check and the canary, and fit the personal head to it.

        Args:
            bundle: Folder of the bundle, or of installed ones.
            validate: Keep the installed model if the new one does clearly worse on this device's own log
                (`keyart.profile.acceptance`). This holds until the next `open`, which loads its `bundle`.

        Returns:
            The version that chooses now.

        Raises:
            BundleError: The bundle breaks a rule; the installed model goes on choosing.
        """
        with self._session.writing:
            chooser = self._session.chooser
            installed = _model(bundle, chooser.catalog, self._engine, chooser.policy)
            check_bundle(bundle, installed)
            profile = self._session.custody.profile
            if validate and not self._adopts(installed):
                return self.model_version
            learned = [tag for tag in (profile.learned() if profile else {}) if tag != "bias"]
            kept = sum(tag in installed.spec.artwork_place for tag in learned)
            self._session.install(installed)
            self._bundle = bundle_in(bundle)
            log.info("Model %d is installed; the head keeps %d of %d tags", installed.version, kept, len(learned))
            return installed.version

    def set_catalog(self, catalog: Catalog) -> None:
        """Choose from another catalogue from now on, as if the profile were opened with it.

        The model is read again from its bundle and fitted to the new catalogue, and what was learned is derived anew.
        A title keeps the artwork that it shows (`Policy.stickiness`) if it still has it. Decisions about titles and
        artworks that left can still be observed; they teach nothing until the artwork is back.

        Args:
            catalog: The new catalogue. It is complete: titles that it lacks have left.

        Raises:
            SettingError: It is not a catalogue.
            BundleError: The bundle cannot be read any more; the old catalogue stays.
        """
        if not isinstance(catalog, Catalog):
            raise SettingError("set_catalog takes a keyart.Catalog; make one with Catalog.from_titles(…).")
        with self._session.writing:
            self._session.person()  # or an error: it is closed
            policy = self._session.chooser.policy
            catalog = catalog.without_kinds(policy.sensitive_kinds)
            self._session.set_catalog(catalog, _model(self._bundle, catalog, self._engine, policy))

    def stats(self) -> Stats:
        """Return how fast choices are and how large the profile is. Nothing about the person is in it."""
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
                read_only=self.read_only,
            )

    def flush(self) -> None:
        """Return once everything so far, decisions without an outcome included, survives a power cut."""
        with self._session.writing:
            self._session.flush()

    def close(self) -> None:
        """Write what is pending and close the profile. A second call does nothing."""
        self._closing.detach()
        self._session.close()

    def _adopts(self, installed: LoadedModel) -> bool:
        from .profile.acceptance import compare_models

        profile = self._session.person()
        if profile is None or compare_models(profile, self._session.chooser.installed, installed).adopted:
            return True
        log.warning("Model %d is not installed: on this device it does clearly worse", installed.version)
        return False

    def _chosen(self, started: float) -> None:
        self._session.decided()
        self._timings.seconds.append(perf_counter() - started)
        self._timings.count += 1


def _model(bundle: str | Path | None, catalog: Catalog, engine: Engine, policy: Policy) -> LoadedModel:
    """Return the model of a bundle, or the one that prefers nothing, for a catalogue."""
    if bundle is None:
        return LoadedModel.nothing(catalog)
    installed = load_model(bundle, catalog, engine)
    # Latents are of no kind, so they might tell what a kind tells that is never to be used.
    return replace(installed, latents=None) if policy.sensitive_kinds else installed
