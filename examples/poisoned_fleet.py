"""The effect of a few hostile devices on private rounds. Run: python examples/poisoned_fleet.py (five minutes)"""

import contextlib
import tempfile
from pathlib import Path
from unittest import mock

import numpy as np

import keyart
import keyart_federated
from keyart.campaigns import Offer
from keyart.dp import UNITS
from keyart.errors import BundleError
from keyart.model import FeatureSpec
from keyart_federated.campaigns import guard
from keyart_federated.worlds import SyntheticWorld

STEPS = 5  # impressions a round
ATTACKS = {
    "none": 0,
    "negated": 1,
    "common": 1,
    "tenfold": 10,
    "beyond": 1000,
}  # how long, in norms that clipping allows
UNROUNDED = 0.98  # of the norm: rounding must not make longer what hides at the clip


class PoisonedWorld(SyntheticWorld):
    """A world in which a share of the devices sends false updates in training rounds.

    Attack "negated" sends the device's own gradient with the opposite sign, at the clipping norm; "common", "tenfold"
    and "beyond" all push in one direction, at the clipping norm and beyond. Under a mask the server cannot see any of
    it.
    """

    def __init__(self, attack: str, share: float, **settings: int) -> None:
        super().__init__(**settings)
        self.attack = attack
        rng = np.random.default_rng([settings["seed"], 1])
        self._hostile = rng.permutation(self.devices)[: round(share * self.devices)]
        spec = FeatureSpec.from_catalog(self.catalog)
        tags, directions = len(spec.artwork_tags), len(spec.direction_names)
        # How much each tag is liked by everybody: few entries that tell on all choices, so that each is pushed far.
        self._pushed = np.zeros(tags * directions)
        self._pushed[::directions] = rng.choice((-1.0, 1.0), tags) / np.sqrt(tags)

    def tamper(self, offer: Offer, vectors: np.ndarray, numbers: np.ndarray) -> np.ndarray:
        """Return what devices `numbers` send in place of their own integer vectors [d, size]."""
        if offer.kind != "training" or self.attack == "none":
            return vectors
        sent = vectors.astype(np.float64)
        main = slice(0, len(offer.numbers))  # the side entries behind it hide best where they are
        for row in np.flatnonzero(np.isin(numbers, self._hostile)):
            direction = -sent[row, main]
            if self.attack != "negated":
                direction = np.pad(self._pushed, (0, main.stop - len(self._pushed)))
            left = np.sqrt(UNITS**2 - (sent[row, main.stop :] ** 2).sum())
            length = max(1.0, np.sqrt((direction**2).sum()))
            sent[row, main] = ATTACKS[self.attack] * UNROUNDED * left * direction / length
        return np.rint(sent).astype(np.int64)


def run(attack: str, guarded: bool, devices: int, titles: int, rounds: int, seed: int, share: float, learner: str):
    """Run one fleet. The guard has no switch: it is removed to show what an unguarded server would do."""
    world = PoisonedWorld(attack, share, viewers=devices, titles=titles, impressions=STEPS * rounds, seed=seed)
    privacy = keyart_federated.Privacy(epsilon=8.0, delta=1e-6, masked=False) if learner == "federated" else None
    with mock.patch.object(guard, "check", guard.check if guarded else lambda *_: 1.0):
        return world, keyart_federated.simulate(world, STEPS, rounds, privacy=privacy, seed=seed, learner=learner)


def adopted(world: SyntheticWorld, old: Path, new: Path, decisions: int, devices: int) -> float:
    """Return the share of devices that accept the bundle `new` after a number of decisions with `old`."""
    taken = 0
    for i in range(devices):
        with (
            tempfile.TemporaryDirectory() as folder,
            keyart.Personalizer.open(
                Path(folder) / "profile.db",
                catalog=world.catalog,
                keys=keyart.EphemeralKey(),
                bundle=old,
                rng=np.random.default_rng(i),
            ) as art,
        ):
            art.consent.grant("personalization")
            art.record_many(world.history(i))
            before = art.model_version
            for k in range(decisions):
                decision = art.choose(*world.impression(i, k))
                art.observe(decision.id, world.outcome(i, k, decision.artwork_id))
            with contextlib.suppress(
                BundleError
            ):  # a model so far off breaks the rules that every bundle has to meet
                taken += art.install(new, validate=True) != before
    return taken / devices


def main(
    devices=1_000, titles=100, rounds=20, *, seeds=(0, 1), share=0.01, attacks=tuple(ATTACKS), asked=30
) -> dict[tuple[str, bool], float]:
    """Print the median capture of the last quarter by attack, without and with the guard.

    `asked` is the number of devices that report whether they would accept the unguarded server's model.
    """
    found = {}
    world, first = run("none", True, devices, titles, rounds, seeds[0], share, "none")
    for attack in attacks:
        for guarded in (False, True):
            runs = [run(attack, guarded, devices, titles, rounds, seed, share, "federated") for seed in seeds]
            found[attack, guarded] = float(np.median([report.last_quarter_capture for _, report in runs]))
            line = f"{attack:8} guard {'on ' if guarded else 'off'}  capture {found[attack, guarded]:.3f}"
            if not guarded:
                taken = adopted(world, first.bundle, runs[0][1].bundle, STEPS * rounds, asked)
                line += f"  taken by {taken:.0%} of devices"
            print(line, flush=True)
    return found


if __name__ == "__main__":
    main()
