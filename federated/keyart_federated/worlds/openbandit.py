"""Open Bandit: logs of a fashion shop that recommended items at random, and by Bernoulli Thompson sampling.

Y. Saito, S. Aihara, M. Matsutani, Y. Narita, "Open Bandit Dataset and Pipeline: Towards Realistic and Reproducible
Off-Policy Evaluation", NeurIPS Datasets and Benchmarks 2021. The package `obp` (Apache-2.0) carries 10,000 rows of
each campaign and policy, of which 38 to 69 were clicked. docs/reference/worlds.md says what such a log can show.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from pathlib import Path

import numpy as np

import keyart
from keyart.errors import SettingError

from ..datasets.download import PackageSource, Runner, cache_folder, fetched, pip
from ..types import Doubles, Integers
from .response import Logits
from .table_world import DEVICES, SITUATIONS, SLOTS, Impressions, TabularWorld, WatchedTitles, uniforms

CAMPAIGNS = ("all", "men", "women")
POLICIES = ("random", "bts")
START = datetime(2019, 11, 24)
ZONE = timezone(timedelta(hours=9))  # the log is in UTC, the shop and its users are in Japan
WEEK_HOURS = 168  # the length of a log
USER_FEATURES = 4
ITEM_FEATURES = (1, 2, 3)  # those with categories; feature 0 is a number below 0 too, which no tag's weight can be
_INSTEAD = "The synthetic world needs no download: `--world synthetic`."
_WHEEL_SHA256 = "87dec9caf4283c25ab13036532e0a24566f1c7bdcad1653a8ded43b2f5ef8208"
# sha256 of the log and of its items' features.
_FILES = {
    ("random", "all"): (
        "7168295b6e0a9eabcf3392320a5dd434e542b68e705d5cd9491499af589812f1",
        "eba04cc23d5f130a93ff174c5392986882b94c3839433cb8143870eaa6221358",
    ),
    ("random", "men"): (
        "ede6d08c6877f99cd3770f7d09e26c738e6aa6de4445ccccfb1356ba5d06b1eb",
        "6d855c2b7e917d0448d71bbe62c023147495882c0fdc8c41e86fef86abf9fe09",
    ),
    ("random", "women"): (
        "e65f3bd3beb17664fa69cc129bf7bf852a775f8ffa630506e505fc905315bb34",
        "b1ca4905f97703d196004f2ad4552c1e90c2afad8b50688d333b0d2dc0b33147",
    ),
    ("bts", "all"): (
        "0ad874e4dbf6902f0845dd478ad8dde5ef6903583d3ffaace78411bdad064106",
        "5d4359ba1cfa3ae88f0f1bae66bd633859fe6323817183632ee57b83539d9153",
    ),
    ("bts", "men"): (
        "db6d1f7ed2d591ba521533e45286d4c1fba7fe57a8ad2e80342210335f43c527",
        "3b411ed6b0471316321a6b93f4f756bb25888eac6218cd71d0b603d41d85732d",
    ),
    ("bts", "women"): (
        "e5d1b49a39b608585a2f3014a3f54970430cd37a495c1b73fceb85cdf428a5b8",
        "a56295bad066a558eb783055afd9279f5f4e209a4776eafc22151c53f0ac89d4",
    ),
}
_CERTAIN, _NEVER = 40.0, -100.0  # logits whose σ is 1 and, for any draw of a float32, 0


@dataclass(frozen=True, slots=True, eq=False)
class OpenBanditLog:
    """A campaign under one policy, a row for each item shown, [rows] each.

    Attributes:
        reward: 1 for a click, else 0.
        propensity: Probability with which the policy showed this item in this position (exact for "random",
            estimated by its authors for "bts").
        position: Place in the row of three, 0–2.
        item: 0 to len(items) − 1.
        features: Codes of the user's four features, each counted from 0 in order of first appearance, [rows,
            4].
        hour: Whole hours since START, by Japanese time.
        items: Each item's features as tags.
    """

    reward: Doubles
    propensity: Doubles
    position: Integers
    item: Integers
    features: Integers
    hour: Integers
    items: Sequence[dict[str, float]]

    @classmethod
    def load(
        cls, campaign: str = "all", policy: str = "random", cache: str | Path | None = None, run: Runner = pip
    ) -> OpenBanditLog:
        """Return the log of a campaign.

        Args:
            campaign: "all", "men" or "women".
            policy: Policy that wrote the log: "random" (each item as often as any) or "bts" (Bernoulli Thompson
                sampling).
            cache: Folder of the data. None for the user's cache folder.
            run: Fetches a package that is missing.

        Raises:
            SettingError: A name is unknown.
            DataUnavailable: The data cannot be fetched.
        """
        for name, value, allowed in (("campaign", campaign, CAMPAIGNS), ("policy", policy, POLICIES)):
            if value not in allowed:
                raise SettingError(f"{name} is {value!r}; use one of {', '.join(allowed)}.")
        folder = Path(cache) if cache is not None else cache_folder("datasets")
        inside = f"obp/dataset/obd/{policy}/{campaign}"
        names = (f"{inside}/{campaign}.csv", f"{inside}/item_context.csv")
        files = tuple(zip(names, _FILES[policy, campaign], strict=True))
        source = PackageSource("obp==0.4.1", _WHEEL_SHA256, files, otherwise=_INSTEAD)
        # Files of different logs share their names, so each log has a folder.
        log, items = fetched(source, folder / "open-bandit" / policy / campaign, run)
        return cls.read(log, items)

    @classmethod
    def read(cls, log: Path, items: Path) -> OpenBanditLog:
        """Read the two files of a log, as the package holds them."""
        rows = _rows(log)
        codes = [_codes([row[f"user_feature_{n}"] for row in rows]) for n in range(USER_FEATURES)]
        since = [datetime.fromisoformat(row["timestamp"]) - START.replace(tzinfo=ZONE) for row in rows]
        tags = {
            int(row["item_id"]): {f"feature-{n}:{row[f'item_feature_{n}'][:8]}": 1.0 for n in ITEM_FEATURES}
            for row in _rows(items)
        }
        return cls(
            np.array([float(row["click"]) for row in rows]),
            np.array([float(row["propensity_score"]) for row in rows]),
            np.array([int(row["position"]) - 1 for row in rows]),
            np.array([int(row["item_id"]) for row in rows]),
            np.array(codes).T,
            np.array([int(passed.total_seconds() // 3600) for passed in since]),
            [tags[item] for item in sorted(tags)],
        )

    def click_rates(self) -> Doubles:
        """Return clicks per time shown, [items].

        They have no bias for a log of the "random" policy, whose choice of an item depends on no user, hour or
        position; not so for "bts".
        """
        shown = np.bincount(self.item, minlength=len(self.items))
        return np.bincount(self.item, self.reward, minlength=len(self.items)) / np.maximum(shown, 1)

    def groups(self) -> list[Integers]:
        """Return rows of users with the same four features, in the order of the log; the largest group first."""
        _, group = np.unique(self.features, axis=0, return_inverse=True)
        rows = np.split(np.argsort(group.ravel(), kind="stable"), np.cumsum(np.bincount(group.ravel()))[:-1])
        return sorted(rows, key=lambda found: (-len(found), int(found[0])))


class OpenBanditWorld(TabularWorld):
    """A campaign as one title whose artworks are the items; a device is a group of users with equal features.

    Real: when and in which position a group was shown something, and each item's click rate. An item is clicked
    with that rate by everybody, so there is nothing to personalise: the best policy is the best fixed artwork.
    """

    def __init__(
        self,
        impressions: int = 100,
        seed: int = 0,
        cache: str | Path | None = None,
        campaign: str = "all",
        viewers: int | None = None,
    ) -> None:
        """Make a world from a campaign.

        Args:
            impressions: Number of impressions of each device; one with fewer rows starts over, a week later.
            seed: Seed of the clicks.
            cache: Folder of the data. None for the user's cache folder.
            campaign: "all" (80 items), "men" (34) or "women" (46).
            viewers: Number of devices, those with most rows.

        Raises:
            SettingError: A setting is out of range.
            DataUnavailable: The data cannot be fetched.
        """
        for name, value in (("impressions", impressions), ("viewers", viewers)):
            if value is not None and value < 1:
                raise SettingError(f"{name} is {value}; a world needs at least 1.")
        if seed < 0:
            raise SettingError(f"seed is {seed}; it must be 0 or more.")
        log = OpenBanditLog.load(campaign, "random", cache)
        groups = log.groups()[:viewers]
        artworks = [keyart.Artwork(f"{campaign}/{n:02d}", tags) for n, tags in enumerate(log.items)]
        step = np.arange(impressions)
        row = np.array([group[step % len(group)] for group in groups])
        passes = np.array([step // len(group) for group in groups])
        nothing = np.zeros_like(row)
        super().__init__(
            catalog=keyart.Catalog.from_titles(
                [keyart.Title(campaign, f"Open Bandit campaign {campaign}", artworks=artworks)]
            ),
            impressions=Impressions(
                title=nothing,
                device=np.full_like(row, DEVICES.index("phone")),
                hour=log.hour[row] + WEEK_HOURS * passes,
                slot=log.position[row],
                draws=uniforms(seed, 1, len(groups), impressions, 3),
                person=nothing,  # everybody is the same person
            ),
            histories=[WatchedTitles((), (), (), ())] * len(groups),
            logits=_clicks(log.click_rates()),
            start=START,
            zones=[ZONE] * len(groups),
        )


def _clicks(rates: Doubles) -> Logits:
    """Return logits by which a click is a play that is always kept."""
    with np.errstate(divide="ignore"):
        logit = np.log(rates) - np.log1p(-rates)
    return Logits(
        np.clip(logit, _NEVER, _CERTAIN)[None].astype(np.float32),
        np.zeros((SITUATIONS, len(rates)), dtype=np.float32),
        (0.0,) * SLOTS,
        np.full((1, 1), _CERTAIN, dtype=np.float32),
        np.zeros(len(rates), dtype=np.float32),
    )


def _rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _codes(values: Sequence[str]) -> list[int]:
    code = {value: n for n, value in enumerate(dict.fromkeys(values))}
    return [code[value] for value in values]
