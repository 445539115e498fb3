"""Replay of a log's viewers as devices that hold the logged decisions, ready for training."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

import keyart
from keyart.errors import WorldError
from keyart.model import EncodedCatalog, HeadPrior
from keyart_federated.simulation.devices import Devices

from ..logs import LoggedViewer

MAX_DECISIONS = 1000  # of a viewer, the latest: as many as a device learns from (`keyart.profile.acceptance`)
MAX_ROWS = 50_000  # devices × decisions that are held at a time
MAX_DEVICES = 256


@dataclass(frozen=True)
class LoggedWorld:
    """A log as a `keyart_federated.World`: it answers only for the artworks that were shown."""

    catalog: keyart.Catalog
    viewers: Sequence[LoggedViewer]

    @property
    def devices(self) -> int:
        """Return the number of viewers."""
        return len(self.viewers)

    def history(self, i: int) -> Sequence[keyart.View]:
        """Return the views before the viewer's first decision."""
        return self.viewers[i].before

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        """Return title and context of a decision."""
        decision = self.viewers[i].decisions[k]
        return decision.title_id, decision.context

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        """Return the logged outcome. Raises WorldError for an artwork that was not shown."""
        decision = self.viewers[i].decisions[k]
        if artwork_id != decision.artwork_id:
            raise WorldError(f"The log showed {decision.artwork_id!r}; the outcome of {artwork_id!r} is unknown.")
        return decision.outcome

    def expected_reward(self, i: int, k: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """Raise WorldError, since a log has none."""
        raise WorldError("A log has no expected rewards, only outcomes.")


def replayed(
    catalog: keyart.Catalog, viewers: Sequence[LoggedViewer], encoded: EncodedCatalog, head: HeadPrior | None
) -> list[Devices]:
    """Return the viewers as devices in batches; viewers with logs of similar length share a batch."""
    world = LoggedWorld(catalog, viewers)
    lengths = np.array([min(len(viewer.decisions), MAX_DECISIONS) for viewer in viewers])
    parts, rest = [], np.argsort(-lengths, kind="stable")
    rest = rest[lengths[rest] > 0]
    while len(rest):
        longest = int(lengths[rest[0]])
        size = min(MAX_DEVICES, max(1, MAX_ROWS // longest))
        parts.append(_part(world, rest[:size], longest, encoded, head))
        rest = rest[size:]
    return parts


def _part(
    world: LoggedWorld, members: np.ndarray[tuple[int], np.dtype[np.intp]], longest: int, encoded: EncodedCatalog,
    head: HeadPrior | None,
) -> Devices:  # fmt: skip
    reward, spec = keyart.Reward(), encoded.spec
    policy = keyart.Policy(stickiness=timedelta(0))
    devices = Devices(world, members, spec, longest, policy=policy, reward=reward, head=head, encoded=encoded)
    journal = devices.journal  # what does not count is padding
    for row, i in enumerate(members.tolist()):
        for k, decision in enumerate(world.viewers[i].decisions[-MAX_DECISIONS:]):
            place = encoded.place[decision.artwork_id]
            context = spec.context_row(decision.context.device, decision.context.daypart)
            journal.artwork[row, k] = place
            journal.slot_log[row, k] = math.log1p(decision.context.slot)
            journal.device[row, k] = context[: len(spec.devices) + 1].argmax()
            journal.daypart[row, k] = context[len(spec.devices) + 1 :].argmax()
            journal.played[row, k] = decision.outcome.kind == "played"
            journal.quality[row, k] = reward.of(decision.outcome, encoded.durations[encoded.title_of[place]])
            journal.propensity[row, k] = decision.propensity
            journal.counted[row, k] = 1.0
    journal.steps = longest
    return devices
