"""A custom world, and the result of federated rounds on it. Run: python examples/simulate_my_world.py"""

from datetime import UTC, datetime, timedelta

import numpy as np

import keyart
import keyart_federated

START = datetime(2026, 1, 5, 18, tzinfo=UTC)
GENRES = ("comedy", "drama", "thriller")


class TwoTastes:
    """A world in which half of the viewers play artworks of the genre that they watch, and the others play faces."""

    def __init__(self, devices: int = 400, titles: int = 30, seed: int = 0) -> None:
        self.devices = devices
        rng = np.random.default_rng(seed)
        self._favourite = rng.integers(len(GENRES), size=devices)
        self._seed = seed
        self.catalog = keyart.Catalog.from_titles(self._title(n) for n in range(titles))

    @staticmethod
    def _title(n: int) -> keyart.Title:
        artworks = [keyart.Artwork(f"t{n}/{g}", tags={f"genre:{g}": 1.0}) for g in GENRES]
        artworks.append(keyart.Artwork(f"t{n}/face", tags={"faces": 1.0}))
        tags = {f"genre:{g}": 3.0 if g == GENRES[n % 3] else 1.0 for g in GENRES}
        return keyart.Title(f"t{n}", duration=6000, tags=tags, artworks=artworks)

    def history(self, i: int) -> list[keyart.View]:
        seen = range(int(self._favourite[i]), 15, len(GENRES))  # titles of the favourite genre
        return [keyart.View(f"t{n}", at=START - timedelta(days=1 + n), seconds=5000) for n in seen]

    def impression(self, i: int, k: int) -> tuple[str, keyart.Context]:
        rng = np.random.default_rng([self._seed, 1, i, k])
        title = self.catalog.titles[rng.integers(len(self.catalog))]
        return title.id, keyart.Context(device="tv", at=START + timedelta(hours=6 * k), slot=int(rng.integers(5)))

    def outcome(self, i: int, k: int, artwork_id: str) -> keyart.Outcome:
        title_id, _ = self.impression(i, k)
        pictures = [artwork.id for artwork in self.catalog[title_id].artworks]
        chance = self.expected_reward(i, k)[pictures.index(artwork_id)]
        # One number an impression, whatever is asked: the same draw for all pictures.
        played = np.random.default_rng([self._seed, 2, i, k]).random() < chance
        return keyart.Outcome.played(seconds=3000) if played else keyart.Outcome.skipped()

    def expected_reward(self, i: int, k: int) -> np.ndarray:
        chances = np.full(len(GENRES) + 1, 0.05)
        chances[self._favourite[i] if i % 2 else -1] = 0.25
        return chances


def main(rounds: int = 6, steps: int = 20) -> keyart_federated.Report:
    """Simulate, and print the result."""
    # The default of 1 % hardly ever tries a face here: all are shown what history says, and nobody learns better.
    policy = keyart.Policy(exploration=0.1, stickiness=timedelta(0))
    report = keyart_federated.simulate(TwoTastes(), steps_per_round=steps, rounds=rounds, seed=1, policy=policy)
    for name in ("random_value", "best_fixed_value", "policy_value", "oracle_value"):
        low, high = report.interval[name]
        print(f"{name:17} {getattr(report, name):.3f}  ({low:.3f} to {high:.3f})")
    print("capture by round ", " ".join(f"{value:.2f}" for value in report.capture_by_round))
    return report


if __name__ == "__main__":
    main()
