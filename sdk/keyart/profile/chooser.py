"""Chooser: draws artworks for titles, for one profile or without any, and remembers what it showed.

It reads no disk and no clock: all it knows of a person is the `Profile` that is passed in, or None.
"""

from __future__ import annotations

import random
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from ..catalog import Catalog
from ..context import Context, daypart_of
from ..decision import Decision
from ..errors import ContextError, SettingError, UnknownDecision
from ..model.candidates import CandidateSets, DrawnCandidate
from ..model.eligibility import NO_AGE_LIMIT, AgeLimit, nothing_watched
from ..model.features import ViewerFeatures
from ..model.loaded_model import LoadedModel
from ..model.page import PageMemory
from ..model.policy import Policy, Uniform
from .event_codec import Entry
from .profile import Profile

if TYPE_CHECKING:
    from ..model.explain import Explanation

MAX_REMEMBERED = 4096  # decisions; older ones are in the store, if the person allowed it


class ShownDecision(NamedTuple):
    """A decision that was shown.

    Attributes:
        entry: The decision as it would be written.
        context: Its context.
        profiled: True if it was made with a profile.
    """

    entry: Entry
    context: Context
    profiled: bool


class RecentDecisions:
    """Bounded memory of decisions by id, and of the artwork of each title and daypart."""

    def __init__(self) -> None:
        # Plain tuples: each choice makes one of each.
        self._shown: OrderedDict[str, tuple[Entry, Context, bool]] = OrderedDict()
        self._kept: OrderedDict[tuple[str, str, str], tuple[Decision, datetime]] = OrderedDict()

    def add(self, entry: Entry, context: Context, profiled: bool) -> None:
        """Add a decision that was just made."""
        self._shown[entry.decision.id] = (entry, context, profiled)
        if len(self._shown) > MAX_REMEMBERED:
            self._shown.popitem(last=False)
        self._keep(entry, context.daypart)

    def restore(self, entries: Iterable[Entry], model_version: int) -> None:
        """Restore artworks that this model drew before the app was started again, oldest first."""
        for entry in entries:
            if entry.decision.model_version == model_version:
                self._keep(entry, daypart_of(entry.at))

    def kept(self, title_id: str, context: Context, stickiness: timedelta) -> Decision | None:
        """Return the draw of the title's artwork on this device in this daypart, if less than `stickiness` ago."""
        kept = self._kept.get((title_id, context.device, context.daypart))
        # By Unix seconds: of two times with one time zone object, Python subtracts the wall clocks, whatever DST did.
        if kept is None or not 0 <= context.at.timestamp() - kept[1].timestamp() < stickiness.total_seconds():
            return None
        return kept[0]

    def get(self, decision_id: str) -> ShownDecision | None:
        """Return a decision, or None if it is not remembered."""
        shown = self._shown.get(decision_id)
        return None if shown is None else ShownDecision(*shown)

    def is_unkept(self, decision_id: str) -> bool:
        """Return True if the decision was made without a profile, or shows no artwork: nothing of it is kept."""
        shown = self.get(decision_id)
        return shown is not None and (not shown.profiled or shown.entry.decision.artwork_id is None)

    def drop(self, gone: Callable[[Decision], bool]) -> None:
        """Forget decisions, and the artworks that they kept."""
        for key in [key for key, kept in self._kept.items() if gone(kept[0])]:
            del self._kept[key]
        for decision_id in [id_ for id_, shown in self._shown.items() if gone(shown[0].decision)]:
            del self._shown[decision_id]

    def clear(self) -> None:
        """Forget everything."""
        self._shown.clear()
        self._kept.clear()

    def forget_pictures(self) -> None:
        """Forget the artworks of titles, since a new model draws anew."""
        self._kept.clear()

    def _keep(self, entry: Entry, daypart: str) -> None:
        decision = entry.decision
        # A sticky answer does not renew the draw, and what the viewer asked for is not the title's picture.
        if decision.sticky or entry.with_intent or decision.artwork_id is None:
            return
        key = (decision.title_id, entry.device, daypart)
        self._kept[key] = (decision, entry.at)
        self._kept.move_to_end(key)
        if len(self._kept) > MAX_REMEMBERED:
            self._kept.popitem(last=False)


class Chooser:
    """Draws artworks for titles, within the age limits of the profile. It is not thread-safe: its owner locks."""

    def __init__(
        self,
        catalog: Catalog,
        installed: LoadedModel,
        policy: Policy,
        rng: Uniform,
        limit: AgeLimit = NO_AGE_LIMIT,
    ) -> None:
        self.catalog, self.policy, self.rng, self.limit = catalog, policy, rng, limit
        self.recent = RecentDecisions()
        self._ids = random.Random()  # noqa: S311 (an id has to be another one each time, and is no secret)
        self.use(installed)

    def use(self, installed: LoadedModel) -> None:
        """Choose with another model from now on, and draw each title's artwork anew."""
        self.use_catalog(self.catalog, installed)
        self.recent.forget_pictures()

    def use_catalog(self, catalog: Catalog, installed: LoadedModel) -> None:
        """Choose from another catalogue from now on, and keep the artworks of titles that still have them."""
        self.catalog, self.installed = catalog, installed
        self._nobody = ViewerFeatures.unknown(installed.encoded)

    def choose(self, title_id: str, context: Context, profile: Profile | None) -> Decision:
        """Choose the artwork to show for a title; None of them if the age limits allow none.

        Raises:
            UnknownTitle: The catalogue does not have the title.
            ContextError: The context cannot be used.
        """
        title = self._title(title_id, context)
        slates = self.slates(profile)
        kept = self._kept(title, context, slates)
        if kept is not None:
            return self._shown(kept, context, context.slot, profile)
        (candidates,) = slates.candidates([title], context)
        return self._drawn(title, context, context.slot, candidates.draw(self.rng.random()), profile)

    def choose_page(
        self, title_ids: Sequence[str], context: Context, profile: Profile | None, report_unknown: bool = True
    ) -> list[Decision]:
        """Return one decision a title, in the order asked, in one model run.

        Title i stands at slot `context.slot + i`.

        Args:
            title_ids: The titles.
            context: The context of the page.
            profile: The profile, or None.
            report_unknown: True if a title that is not in the catalogue gets a decision without an artwork.

        Raises:
            UnknownTitle: The catalogue does not have a title, and `report_unknown` is False.
        """
        if not isinstance(context, Context):  # of which a decision without an artwork is made, too
            raise _wrong_context(context)
        asked = [
            None if report_unknown and self._is_unknown(title_id) else self._title(title_id, context)
            for title_id in title_ids
        ]
        titles = [title for title in asked if title is not None]
        drawn = iter(self._page(titles, [i for i, title in enumerate(asked) if title is not None], context, profile))
        return [
            next(drawn) if title is not None else self._unknown(title_id, context, context.slot + i)
            for i, (title_id, title) in enumerate(zip(title_ids, asked, strict=True))
        ]

    def _page(
        self, titles: list[int], offsets: list[int], context: Context, profile: Profile | None
    ) -> list[Decision]:
        """Return one decision a title of the catalogue. `offsets` are their places on the page, from 0."""
        if not titles:
            return []
        encoded = self.installed.encoded
        decisions = []
        slates = self.slates(profile)
        all_candidates = slates.candidates(titles, context, offsets)
        pictures = [slates.pictures(title) for title in titles]
        memory = PageMemory(self.policy.diversity, encoded)
        for i, title, candidates, places in zip(offsets, titles, all_candidates, pictures, strict=True):
            kept = self._kept(title, context, slates)
            if kept is not None:
                decision = self._shown(kept, context, context.slot + i, profile)
                memory.show(encoded.place[kept.artwork_id or ""])  # one that shows nothing is never kept
            else:
                drawn = candidates.draw(self.rng.random(), memory.factors(places))
                decision = self._drawn(title, context, context.slot + i, drawn, profile)
                if drawn is not None:
                    memory.show(places.start + drawn.place)
            decisions.append(decision)
        return decisions

    def preview(
        self, title_id: str, context: Context, beside: Sequence[str], profile: Profile | None
    ) -> dict[str, float]:
        """Return the probability of each artwork of a title, by artwork id, with `beside` on the page already."""
        title = self._title(title_id, context)
        encoded = self.installed.encoded
        memory = PageMemory(self.policy.diversity, encoded)
        for artwork_id in beside:
            if artwork_id not in encoded.place:
                raise SettingError(f"No artwork {artwork_id!r} in this catalogue to show beside the title.")
            memory.show(encoded.place[artwork_id])
        slates = self.slates(profile)
        (candidates,) = slates.candidates([title], context)
        factors = memory.factors(slates.pictures(title)) if beside else None
        chances = candidates.weighed(factors).probability.tolist()
        pictures = self.catalog.titles[title].artworks
        return {artwork.id: chance for artwork, chance in zip(pictures, chances, strict=True)}

    def explain(self, shown: ShownDecision, profile: Profile | None, language: str = "en") -> Explanation:
        """Explain why a decision shows its artwork, as the model sees it now.

        Raises:
            UnknownDecision: The artwork has left the catalogue.
        """
        from ..model.explain import explanation
        from ..model.wording import Wording

        decision, context = shown.entry.decision, shown.context.at_slot(shown.entry.slot)
        if decision.title_id not in self.catalog:
            raise UnknownDecision(f"The title {decision.title_id!r} is not in the catalogue: nothing to explain.")
        title = self.catalog.index(decision.title_id)
        slates = self.slates(profile)
        return explanation(
            decision,
            self.catalog.titles[title],
            self.installed,
            slates.rows([title], context),
            slates.logits([title], context),
            slates.allowed(title, context),
            slates.stated,
            Wording.of(language),
        )

    def slates(self, profile: Profile | None) -> CandidateSets:
        """Return the candidate sets for this viewer."""
        return CandidateSets(
            self.catalog,
            self.installed,
            self.policy,
            profile.viewer() if profile else self._nobody,
            profile.learner.head if profile else None,
            profile.has_watched if profile else nothing_watched,
            profile.stated if profile else None,
            profile.learner.own if profile else None,
            self.limit,
        )

    def after_fork(self, own_rng: bool) -> None:
        """Reseed in a forked child, which would otherwise make the ids and draw the numbers of its parent."""
        self._ids.seed()
        if own_rng:
            self.rng = random.Random()  # noqa: S311

    def _new_id(self) -> str:
        return f"{self._ids.getrandbits(128):032x}"

    def _title(self, title_id: str, context: Context) -> int:
        if not isinstance(context, Context):
            raise _wrong_context(context)
        title = self.catalog.title_places.get(title_id) if isinstance(title_id, str) else None
        return self.catalog.index(title_id) if title is None else title  # which says what is wrong

    def _is_unknown(self, title_id: str) -> bool:
        return isinstance(title_id, str) and title_id not in self.catalog

    def _unknown(self, title_id: str, context: Context, slot: int) -> Decision:
        """Return the decision of a title that the catalogue does not have. Nothing of it is kept."""
        decision = Decision(self._new_id(), title_id, None, 1.0, False, self.installed.version)
        self.recent.add(Entry(decision, context.at, context.device, slot), context, profiled=False)
        return decision

    def _kept(self, title: int, context: Context, slates: CandidateSets) -> Decision | None:
        """Return the draw of the artwork that the title keeps, if stickiness holds and it may be shown."""
        if not self.policy.stickiness or context.intent:
            return None
        kept = self.recent.kept(self.catalog.titles[title].id, context, self.policy.stickiness)
        if kept is None:
            return None
        pictures = slates.pictures(title)
        place = self.installed.encoded.place.get(kept.artwork_id or "", -1) - pictures.start
        if not 0 <= place < pictures.stop - pictures.start or not slates.allowed(title, context)[place]:
            return None
        return kept

    def _drawn(
        self, title: int, context: Context, slot: int, drawn: DrawnCandidate | None, profile: Profile | None
    ) -> Decision:
        shown, version = self.catalog.titles[title], self.installed.version
        if drawn is None:
            decision = Decision(self._new_id(), shown.id, None, 1.0, False, version)
        else:
            artwork_id = shown.artworks[drawn.place].id
            decision = Decision(self._new_id(), shown.id, artwork_id, drawn.propensity, drawn.exploring, version)
        return self._remembered(decision, context, slot, profile)

    def _shown(self, kept: Decision, context: Context, slot: int, profile: Profile | None) -> Decision:
        """Show an artwork again that was drawn before; the propensity is that of the draw."""
        again = replace(kept, id=self._new_id(), model_version=self.installed.version, sticky=True)
        return self._remembered(again, context, slot, profile)

    def _remembered(self, decision: Decision, context: Context, slot: int, profile: Profile | None) -> Decision:
        entry = Entry(decision, context.at, context.device, slot, bool(context.intent))
        self.recent.add(entry, context, profile is not None)
        if profile is not None and decision.artwork_id is not None:  # nothing comes of one that shows nothing
            profile.journal.remember(entry)
        return decision


def _wrong_context(context: object) -> ContextError:
    return ContextError(f"context must be a keyart.Context, not {type(context).__name__}.")
