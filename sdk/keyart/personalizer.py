"""Personalizer: the one object that an app holds. It knows all other rooms, and none of them knows it."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np

from .catalog import Catalog
from .choice import Weighed
from .consent import Consent
from .context import Context
from .decision import Decision
from .errors import ContextError, SettingError, UnknownDecision
from .explain import Explanation, explanation
from .features import ViewerFeatures
from .history import Outcome, Reward, View
from .installed import Installed
from .logbook import Entry
from .outbound import campaign
from .page import PageMemory
from .policy import Policy, draw
from .profile import Profile
from .ranker import Engine
from .recent import Kept, Recent, Shown
from .rights import exported
from .slates import Slates
from .store.database import ForgetReceipt, Store, Table
from .store.keys import KeyProvider

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
        self,
        store: Store,
        reopen: Callable[[], Store],
        catalog: Catalog,
        installed: Installed,
        policy: Policy,
        reward: Reward,
        profiling: bool,
        engine: Engine,
        rng: np.random.Generator,
        clock: Callable[[], datetime],
        limits: campaign.Limits,
        profile_name: str,
    ) -> None:
        self._store, self._reopen = store, reopen
        self._catalog, self._installed = catalog, installed
        self._policy, self._reward, self._profiling = policy, reward, profiling
        self._engine, self._rng, self._clock, self._limits = engine, rng, clock, limits
        self._profile_name = profile_name
        self._lock = threading.RLock()
        self._nobody = ViewerFeatures.unknown(installed.encoded)
        self._start()

    def _start(self) -> None:
        self._recent = Recent()
        self._profile: Profile | None = None
        self.consent = Consent(self._store, self._clock, self._consent_changed)

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
        engine: Engine = "auto",
        rng: np.random.Generator | None = None,
        clock: Callable[[], datetime] = _now,
        limits: campaign.Limits | None = None,
    ) -> Self:
        """Opens, or makes, the profile at `path`.

        bundle: folder of a bundle, or of installed ones; None: no model yet. rng, clock: for tests and simulation.
        limits: what this device demands of a campaign before it answers. Raises WrongKey, StoreDamaged, StoreBusy,
        StoreFull, BundleError, EngineError, SettingError.
        """
        if not isinstance(catalog, Catalog):
            raise SettingError("catalog must be a keyart.Catalog; make one with Catalog.from_titles(…).")
        if mode not in ("personalized", "non_profiled"):
            raise SettingError(f"mode is {mode!r}; use 'personalized' or 'non_profiled'.")
        if age_mode not in ("adult", "child"):
            raise SettingError(f"age_mode is {age_mode!r}; use 'adult' or 'child'.")
        if engine not in ("auto", "onnxruntime", "numpy"):
            raise SettingError(f"engine is {engine!r}; use 'auto', 'onnxruntime' or 'numpy'.")
        installed = Installed.nothing(catalog) if bundle is None else Installed.read(bundle, catalog, engine)

        def open_store() -> Store:
            return Store.open(path, keys, profile, clock=clock)

        store = open_store()
        try:
            return cls(
                store,
                open_store,
                catalog,
                installed,
                policy or Policy(),
                reward or Reward(),
                mode == "personalized" and age_mode == "adult",
                engine,
                rng or np.random.default_rng(),
                clock,
                limits or campaign.Limits(),
                profile,
            )
        except BaseException:
            store.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def model_version(self) -> int:
        """Version of the bundle that chooses; 0 without one."""
        return self._installed.version

    @property
    def profiled(self) -> bool:
        """Whether choices may use, and the store may keep, anything about the person."""
        return self._profiling and self.consent.allows("personalization")

    def record(self, view: View) -> int:
        """Adds something watched to the history. Returns 1, or 0 where nothing may be kept (see `profiled`)."""
        return self.record_many([view])

    def record_many(self, views: Iterable[View]) -> int:
        """Adds views, all or none; titles outside the catalogue are kept for a later one. Returns how many."""
        rows = list(views)
        for view in rows:
            if not isinstance(view, View):
                raise SettingError(f"record takes keyart.View values, not {type(view).__name__}.")
        with self._lock:
            if not self.profiled or not rows:
                return 0
            self._known().record(rows)
            return len(rows)

    def choose(self, title_id: str, context: Context) -> Decision:
        """The picture to show for a title. Raises UnknownTitle. Never waits for the disk."""
        with self._lock:
            title = self._title(title_id, context)
            kept = self._kept(title, context)
            if kept is not None:
                return self._decide(title, context, kept.artwork, kept.propensity, kept.exploring, sticky=True)
            slates = self._slates()
            (scores,) = slates.scores([title], context)
            return self._draw(title, context, slates.weighed(title, context, scores))

    def choose_page(self, title_ids: Sequence[str], context: Context) -> list[Decision]:
        """One decision a title, in the order asked, in one model run; title i stands at slot `context.slot + i`."""
        with self._lock:
            titles = [self._title(title_id, context) for title_id in title_ids]
            if not titles:
                return []
            encoded = self._installed.encoded
            memory = PageMemory(self._policy.diversity, encoded.spec.artwork_size)
            decisions = []
            slates = self._slates()
            for i, (title, scores) in enumerate(zip(titles, slates.scores(titles, context), strict=True)):
                here = replace(context, slot=context.slot + i)
                kept = self._kept(title, here)
                if kept is not None:
                    decision = self._decide(title, here, kept.artwork, kept.propensity, kept.exploring, sticky=True)
                else:
                    factors = memory.factors(slates.artwork(title))
                    decision = self._draw(title, here, slates.weighed(title, here, scores, factors))
                memory.show(encoded.artwork[encoded.place[decision.artwork_id]])
                decisions.append(decision)
            return decisions

    def preview(self, title_id: str, context: Context, beside: Sequence[str] = ()) -> dict[str, float]:
        """Chance of each picture of a title to be drawn here, by artwork id; draws nothing and keeps nothing.

        beside: artwork ids that the page shows already, in order. A picture that a title would keep for a while
        (`Policy.stickiness`) is not looked up. Raises UnknownTitle, SettingError.
        """
        with self._lock:
            title = self._title(title_id, context)
            encoded = self._installed.encoded
            memory = PageMemory(self._policy.diversity, encoded.spec.artwork_size)
            for artwork_id in beside:
                if artwork_id not in encoded.place:
                    raise SettingError(f"No artwork {artwork_id!r} in this catalogue to show beside the title.")
                memory.show(encoded.artwork[encoded.place[artwork_id]])
            slates = self._slates()
            (scores,) = slates.scores([title], context)
            factors = memory.factors(slates.artwork(title)) if beside else None
            chances = slates.weighed(title, context, scores, factors).probability.tolist()
            pictures = self._catalog.titles[title].artworks
            return {artwork.id: chance for artwork, chance in zip(pictures, chances, strict=True)}

    def observe(self, decision_id: str, outcome: Outcome) -> bool:
        """What became of a decision; stored, and learned from, when this returns.

        False where nothing may be kept, or where the outcome was known already. Raises UnknownDecision.
        """
        if not isinstance(outcome, Outcome):
            raise SettingError(
                f"observe takes a keyart.Outcome, not {type(outcome).__name__}; use Outcome.played(…)."
            )
        with self._lock:
            if not self.profiled:
                return False
            if self._recent.is_unprofiled(decision_id):  # made before consent: it says nothing that may be kept
                return False
            return self._known().observe(decision_id, outcome)

    def explain(self, decision_id: str) -> Explanation:
        """Why that picture, as the model sees it now. Raises UnknownDecision."""
        with self._lock:
            shown = self._recent.get(decision_id)
            if shown is None:
                entry = self._known().find(decision_id) if self.profiled else None
                if entry is None:
                    raise UnknownDecision(
                        f"No decision {decision_id!r} to explain. Decisions made without consent are explained while "
                        "the app runs; removed and forgotten ones are gone."
                    )
                shown = Shown(entry.decision, Context(entry.device, entry.at, entry.slot), self.profiled)
            return self._explained(shown)

    def remove_title(self, title_id: str) -> int:
        """Removes a title's views and decisions, and what was learned from them. Returns how many there were."""
        with self._lock:
            self._recent.drop_title(title_id)
            if not self.profiled and not self._store.count(Table.VIEW) and not self._store.count(Table.DECISION):
                return 0
            return self._stored().remove_title(title_id)

    def export(self) -> dict[str, Any]:
        """Everything held about the person, JSON-serialisable (docs/rights.md; GDPR 15 and 20)."""
        with self._lock:
            return exported(self._profile_name, self._clock(), self.consent, self._stored(), self._store)

    def forget(self) -> ForgetReceipt:
        """Erases this profile, consent included, so that no key and no record is left; it goes on empty (GDPR 17)."""
        with self._lock:
            receipt = self._store.forget()
            self._store = self._reopen()
            self._start()
            return receipt

    def answer(self, message: bytes) -> bytes | None:
        """One step of a campaign: bytes for the server, or None where this device declines (docs/outbound.md).

        Raises MessageError for bytes that are no message of keyart's protocol.
        """
        with self._lock:
            if not (self.profiled and self.consent.allows("federated")):
                return None
            offer = campaign.read_offer(message)
            reason = campaign.refusal(offer, self._limits, self._installed.version, self._installed.spec)
            if reason is not None:
                log.info("A campaign was declined: %s", reason)
                return None
            reply = campaign.contribution(offer, self._known(), self._installed)
            receipt = campaign.receipt(offer, self._clock(), len(reply))
            self._store.put(Table.RECEIPT, os.urandom(16), receipt)
            return reply

    def install(self, bundle: str | Path) -> int:
        """Swaps in another bundle, after every check and the canary; returns its version. The head is re-fitted.

        Raises a BundleError where the bundle breaks a rule; then the one before goes on choosing.
        """
        with self._lock:
            installed = Installed.read(bundle, self._catalog, self._engine)
            installed.check(bundle)
            self._installed = installed
            self._nobody = ViewerFeatures.unknown(installed.encoded)
            if self._profile is not None:
                self._profile.use(installed)
            self._recent.forget_pictures()
            log.info("Model %d is installed", installed.version)
            return installed.version

    def flush(self) -> None:
        """Returns when everything so far, decisions without an outcome too, survives a power cut."""
        with self._lock:
            self._write_pending()
            self._store.flush()

    def close(self) -> None:
        """Writes what is pending and closes the profile. A second call does nothing."""
        with self._lock:
            try:
                self._write_pending()
            finally:
                self._store.close()

    def _write_pending(self) -> None:
        if self._profile is not None and self.profiled:
            self._profile.write_pending()

    def _consent_changed(self, purpose: str, granted: bool) -> None:
        if purpose == "personalization" and not granted:
            with self._lock:
                self._profile = None  # what was in memory is not used any more; what is stored waits for forget()
                self._recent = Recent()

    def _known(self) -> Profile:
        if self._profile is None:
            self._profile = Profile(self._store, self._installed, self._reward)
            for entry in self._profile.entries():
                self._recent.keep(entry.decision, entry.at, entry.device)
        return self._profile

    def _stored(self) -> Profile:
        """For rights, which a person has without consent, too; choices must not see it then."""
        return self._known() if self.profiled else Profile(self._store, self._installed, self._reward)

    def _title(self, title_id: str, context: Context) -> int:
        if not isinstance(context, Context):
            raise ContextError(f"context must be a keyart.Context, not {type(context).__name__}.")
        return self._catalog.index(title_id)

    def _viewer(self) -> ViewerFeatures:
        return self._known().viewer() if self.profiled else self._nobody

    def _slates(self) -> Slates:
        """The candidates as this viewer is to see them now."""
        profile = self._known() if self.profiled else None
        return Slates(
            self._catalog,
            self._installed,
            self._policy,
            self._viewer(),
            profile.head if profile else None,
            profile.has_watched if profile else lambda _: False,
        )

    def _draw(self, title: int, context: Context, weighed: Weighed) -> Decision:
        pick = int(draw(weighed.probability, self._rng.random()))
        # A rule may forbid the best score; exploring means: another allowed picture had more value.
        allowed_value = np.where(weighed.probability > 0, weighed.value, -np.inf)
        exploring = bool(allowed_value[pick] < allowed_value.max())
        return self._decide(title, context, pick, float(weighed.probability[pick]), exploring, sticky=False)

    def _kept(self, title: int, context: Context) -> Kept | None:
        """The picture that the title still has, if stickiness holds and the picture may be shown."""
        if not self._policy.stickiness or context.intent:
            return None
        if self.profiled:
            self._known()  # pictures that were drawn before the app was started again
        kept = self._recent.kept(self._catalog.titles[title].id, context, self._policy.stickiness)
        if kept is None:
            return None
        pictures = [artwork.id for artwork in self._catalog.titles[title].artworks]
        if (
            kept.artwork_id not in pictures
            or not self._slates().allowed(title, context)[pictures.index(kept.artwork_id)]
        ):
            return None
        return replace(kept, artwork=pictures.index(kept.artwork_id))

    def _decide(
        self, title: int, context: Context, pick: int, propensity: float, exploring: bool, *, sticky: bool
    ) -> Decision:
        shown = self._catalog.titles[title]
        decision = Decision(
            os.urandom(16).hex(),
            shown.id,
            shown.artworks[pick].id,
            propensity,
            exploring,
            self._installed.version,
            sticky,
        )
        self._recent.add(Shown(decision, context, self.profiled))
        if self.profiled:
            self._known().remember(Entry(decision, context.at, context.device, context.slot, bool(context.intent)))
        return decision

    def _explained(self, shown: Shown) -> Explanation:
        decision, context = shown.decision, shown.context
        title = self._catalog.index(decision.title_id)
        slates = self._slates()
        (scores,) = slates.scores([title], context)
        weighed = slates.weighed(title, context, scores)
        head = self._known().head if self.profiled else None
        return explanation(
            decision,
            self._catalog.titles[title],
            self._installed,
            slates.rows([title], context),
            weighed,
            slates.allowed(title, context),
            head,
        )
