"""The error and the coverage of off-policy estimates in a world with known expected rewards.

Run: python examples/off_policy.py [FOLDER [PEER]] (about an hour; writes coverage.png and off_policy.json there).
PEER is a Python with Open Bandit Pipeline, such as .venv-bench/bin/python, which then estimates from the same logs.
"""

import importlib
import importlib.util
import json
import subprocess
import sys
import tempfile
import types
from pathlib import Path

import numpy as np

# Of a world: pictures a title, who wrote the logs, and what all rewards are multiplied by.
WORLDS = {
    "random log, 10 pictures": (10, "uniform", 1.0),
    "random log, 8 pictures": (8, "uniform", 1.0),
    "an older policy's log": (10, "exploring", 1.0),
    "random log, rare rewards": (10, "uniform", 0.05),
}
ERRORS = {10_000: 500, 200_000: 200}  # decisions of a log, and how many logs, whose error is measured
MEASURED = {
    "random log, 10 pictures": ("error", "coverage", "devices"),
    "random log, 8 pictures": ("error",),
    "an older policy's log": ("error", "coverage"),
    "random log, rare rewards": ("coverage",),
}
LENGTHS = (500, 1_000, 2_000, 5_000)  # decisions of a log, whose coverage is measured
DEVICES = (20, 50, 200)  # the same of a log whose decisions belong to so many devices, 100 to each
KNOWN, WRONG = (
    0.7,
    0.4,
)  # what a model has found of the differences between pictures, and its mistakes' deviation: logits
GREED, OLDER_GREED = 1600.0, 16.0  # γ times the base rate: keyart's own, and that of a log that explores
BOOTSTRAPS = 500  # resamples of a peer's interval; its default of 10,000 takes 20 times as long
PEER = {
    "ips": "InverseProbabilityWeighting",
    "snips": "SelfNormalizedInverseProbabilityWeighting",
    "dr": "DoublyRobust",
}


def occasions(artworks=10, scale=1.0, viewers=2_000, titles=200, impressions=100, seed=0):
    """Return the data of each impression of a SyntheticWorld, [n, artworks].

    These are the expected rewards, a model's predictions, and three policies: the evaluated target, by that model;
    uniform; and exploring, by an older model that knows half as much.
    """
    from keyart.model import distribution
    from keyart_federated.worlds import SyntheticWorld

    world = SyntheticWorld(viewers, titles, artworks, impressions, seed)
    truth = scale * np.array([world.expected_reward(i, k) for i in range(viewers) for k in range(impressions)], float)
    rng = np.random.default_rng([seed, 1])
    logit = np.log(truth / (1 - truth))
    middle = logit.mean(axis=1, keepdims=True)

    def model(known):
        return 1 / (1 + np.exp(-(middle + known * (logit - middle) + rng.normal(0, WRONG, truth.shape))))

    def policy(values, greed):
        allowed, gamma = np.ones(artworks, dtype=bool), greed / truth.mean()
        return np.array([distribution(row, allowed, gamma) for row in values])

    predicted = model(KNOWN)
    return {
        "truth": truth,
        "predicted": predicted,
        "target": policy(predicted, GREED),
        "uniform": np.full(truth.shape, 1 / artworks),
        "exploring": policy(model(KNOWN / 2), OLDER_GREED),
        "impressions": impressions,
    }


def drawn(world, logged, length, seed, devices=False):
    """Draw a log: impressions, artworks and rewards, [decisions] each, of `length` devices with all their
    impressions.
    """
    rng = np.random.default_rng(seed)
    if devices:
        each = int(world["impressions"])
        occasion = (rng.integers(len(world["truth"]) // each, size=length)[:, None] * each + np.arange(each)).ravel()
    else:
        occasion = rng.integers(len(world["truth"]), size=length)
    below = np.cumsum(world[logged][occasion], axis=1) < rng.random((len(occasion), 1))
    picture = np.minimum(below.sum(axis=1), below.shape[1] - 1)
    return occasion, picture, (rng.random(len(occasion)) < world["truth"][occasion, picture]).astype(float)


def estimated(world, logged, length, logs, seed, devices=False, intervals=True):
    """Return the estimates of many logs by estimator: value, low, high, standard error; or values alone."""
    from keyart_federated.evaluation import Decisions, dr_ratio, ips_ratio, shrunk_estimate, snips_ratio

    found = {}
    for n in range(logs):
        occasion, picture, reward = drawn(world, logged, length, [seed, length, n], devices)
        predicted, target = world["predicted"][occasion], world["target"][occasion]
        row = np.arange(len(reward))
        log = Decisions.of(
            reward,
            world[logged][occasion, picture],
            target[row, picture],
            predicted[row, picture],
            (target * predicted).sum(axis=1),
            np.repeat(np.arange(length), len(reward) // length) if devices else None,
        )
        told = {"ips": ips_ratio(log), "snips": snips_ratio(log), "dr": dr_ratio(log)}
        if intervals:
            told = {name: ratio.estimate() for name, ratio in told.items()}
        told["shrunk"] = shrunk_estimate(log)
        for name, one in told.items():
            rest = (one.low, one.high, one.standard_error) if intervals else ()
            found.setdefault(name, []).append((one.value, *rest))
    return {name: np.array(rows).T for name, rows in found.items()}


def limit(world, logged, length):
    """Return the lower bound of the relative error of regular unbiased estimators.

    See J. Hahn, "On the role of the propensity score in efficient semiparametric estimation of average treatment
    effects", Econometrica 66, 1998.
    """
    truth, target = world["truth"], world["target"]
    value = (target * truth).sum(axis=1)
    noise = (target**2 / world[logged] * truth * (1 - truth)).sum(axis=1).mean()
    return float(np.sqrt((noise + value.var()) / length) / value.mean())


def relative_error(values, truth):
    return float(np.sqrt(np.mean((values - truth) ** 2)) / truth)


def share_inside(low, high, truth):
    return float(np.mean((low <= truth) & (truth <= high)))


def main(worlds=WORLDS, errors=ERRORS, lengths=LENGTHS, devices=DEVICES, logs=500, peer=None, seed=0, **size):
    """Print errors and coverage, one line each; `size` is that of the worlds."""
    rows = []
    for place, (name, (artworks, logged, scale)) in enumerate(worlds.items()):
        world = occasions(artworks, scale, seed=seed, **size)
        truth = float((world["target"] * world["truth"]).sum(axis=1).mean())
        plan = [("error", n, times, False) for n, times in errors.items()]
        plan += [("coverage", n, logs, False) for n in lengths]
        plan += [("devices", n, logs, True) for n in devices]
        for what, length, times, grouped in plan:
            if what not in MEASURED[name]:
                continue
            draw = (logged, length, times, seed + place, grouped)
            row = {"world": name, "what": what, "length": length, "logs": times, "truth": truth}
            if not grouped:
                row["limit"] = limit(world, logged, length)
            for by, (value, *rest) in estimated(world, *draw, intervals=what != "error").items():
                row[by] = {"error": relative_error(value, truth)}
                if rest:
                    low, high, error = rest
                    row[by]["coverage"] = share_inside(low, high, truth)
                    row[by]["normal"] = share_inside(value - 1.96 * error, value + 1.96 * error, truth)
            if peer is not None and not grouped:
                for by, (value, *ends) in of_peer(peer, world, draw, what == "coverage").items():
                    row[f"peer {by}"] = {"error": relative_error(value, truth)}
                    if ends:
                        row[f"peer {by}"]["coverage"] = share_inside(*ends, truth)
            rows.append(row)
            print(json.dumps(row), flush=True)
    return rows


def bts():
    """Estimate the value of Thompson sampling from the random logs of Open Bandit, beside its actual value.

    Its probability of an item in a position is the frequency in its own log; no reward is used for it.
    """
    from keyart_federated.evaluation import Decisions, Overlap, ips, snips
    from keyart_federated.worlds.openbandit import CAMPAIGNS, OpenBanditLog

    rows = []
    for campaign in CAMPAIGNS:
        random, own = (OpenBanditLog.load(campaign, policy) for policy in ("random", "bts"))
        shown = np.zeros((3, len(own.items)))
        np.add.at(shown, (own.position, own.item), 1)
        target = (shown / shown.sum(axis=1, keepdims=True))[random.position, random.item]
        row = {"campaign": campaign, "earned": float(own.reward.mean()), "random": float(random.reward.mean())}
        row["effective"] = Overlap.of(Decisions.of(random.reward, random.propensity, target)).effective
        for estimator in (snips, ips):
            found = estimator(random.reward, random.propensity, target)
            row[estimator.__name__] = [found.value, found.low, found.high]
        rows.append(row)
        print(json.dumps(row), flush=True)
    return rows


def of_peer(python, world, draw, intervals):
    """Return estimates like `estimated`, by Open Bandit Pipeline in another Python on the same logs; no standard
    errors.
    """
    with tempfile.TemporaryDirectory() as folder:
        np.savez(Path(folder, "world.npz"), **world)
        asked = [str(python), __file__, "--peer", folder, json.dumps([*draw, intervals])]
        told = json.loads(subprocess.run(asked, check=True, capture_output=True, text=True).stdout)
    return {name: np.array(rows).T for name, rows in told.items()}


def answer(folder, asked):
    """Run the other side of `of_peer`, without the package's imports of torch and seaborn, which these estimators do
    not need.
    """
    torch = types.ModuleType("torch")
    torch.Tensor = type("Tensor", (), {})
    package = types.ModuleType("obp.ope")
    package.__path__ = [str(Path(importlib.util.find_spec("obp").origin).parent / "ope")]
    sys.modules |= {"torch": torch, "obp.ope": package}
    module = importlib.import_module("obp.ope.estimators")
    logged, length, logs, seed, _, intervals = json.loads(asked)
    with np.load(Path(folder, "world.npz")) as stored:
        world = dict(stored)
    found = {name: [] for name in PEER}
    for n in range(logs):
        occasion, picture, reward = drawn(world, logged, length, [seed, length, n])
        given = {
            "reward": reward,
            "action": picture,
            "pscore": world[logged][occasion, picture],
            "action_dist": world["target"][occasion][:, :, None],
            "position": np.zeros(length, dtype=int),
        }
        predicted = {"estimated_rewards_by_reg_model": world["predicted"][occasion][:, :, None]}
        for name, estimator in PEER.items():
            inputs = given | (predicted if name == "dr" else {})
            made, ends = getattr(module, estimator)(), []
            if intervals:
                told = made.estimate_interval(**inputs, n_bootstrap_samples=BOOTSTRAPS, random_state=n)
                ends = [told["95.0% CI (lower)"], told["95.0% CI (upper)"]]
            found[name].append([made.estimate_policy_value(**inputs), *ends])
    print(json.dumps(found))


def draw(rows, path):
    """Draw coverage against the length of a log, one panel per world; needs keyart[tools]."""
    from matplotlib.figure import Figure

    names = list(dict.fromkeys(row["world"] for row in rows if row["what"] == "coverage"))
    figure = Figure(figsize=(3.7 * len(names) + 0.6, 3.9), layout="constrained")
    panels = figure.subplots(1, len(names), sharey=True, squeeze=False)[0]
    lines = (
        ("snips", "coverage", "keyart, self-normalised", "#e4572e", "o-"),
        ("dr", "coverage", "keyart, doubly robust", "#f0a38a", "o-"),
        ("snips", "normal", "self-normalised ± 1.96 standard errors", "#8a8f98", "--"),
        ("peer snips", "coverage", "Open Bandit Pipeline, self-normalised, bootstrap", "#17607a", "s-"),
        ("peer dr", "coverage", "Open Bandit Pipeline, doubly robust, bootstrap", "#7fa9b8", "s-"),
    )
    least = 0.85
    for axes, name in zip(panels, names, strict=True):
        mine = [row for row in rows if row["world"] == name and row["what"] == "coverage"]
        axes.axhspan(0.93, 0.97, color="#f3efe6", zorder=0)
        axes.axhline(0.95, color="#c9c2b0", linewidth=1, zorder=0)
        for by, what, label, colour, style in lines:
            if by in mine[0]:
                points = [(row["length"], row[by][what]) for row in mine]
                least = min(least, *(share for _, share in points))
                axes.plot(*zip(*points, strict=True), style, color=colour, label=label, linewidth=1.6, markersize=4)
        axes.set_xscale("log")
        axes.set_xticks([row["length"] for row in mine], [f"{row['length']:,}" for row in mine], fontsize=8)
        axes.minorticks_off()
        axes.set_title(name, loc="left", fontsize=10)
        axes.set_xlabel("decisions of a log")
        axes.spines[["top", "right"]].set_visible(False)
    panels[0].set_ylabel("share of 95 % intervals that hold the truth")
    panels[0].set_ylim(least - 0.01, 1.005)
    figure.legend(
        *panels[0].get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8
    )
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--peer"]:
        answer(*sys.argv[2:])
    else:
        folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
        found = {"bts": bts(), "rows": main(peer=sys.argv[2] if len(sys.argv) > 2 else None)}
        (folder / "off_policy.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        draw(found["rows"], folder / "coverage.png")
