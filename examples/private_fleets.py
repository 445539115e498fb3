"""The cost of privacy for fleets of several sizes. Run: python examples/private_fleets.py (about three hours)

Writes privacy.png, and privacy.json, which `keyart privacy plan` ships as its measured.json.
"""

import json
import sys
from pathlib import Path

import keyart_federated
from keyart_federated.worlds import SyntheticWorld

SIZES = (1_000, 2_000, 5_000, 20_000, 50_000)
EPSILONS = (1.0, 2.0, 4.0, 8.0, 16.0, None)  # None: without privacy
DELTA = 1e-6
COLOURS = ("#c9b8dc", "#a58bc4", "#7b5ea7", "#4b2f7f", "#1f1147")


def main(sizes=SIZES, epsilons=EPSILONS, titles=200, rounds=20, steps=10, seed=0) -> list[dict]:
    """Run fleets of several sizes and budgets on the same titles, and devices that learn alone (devices 0)."""
    runs = []
    for devices, epsilon in [(0, None), *((n, e) for n in sizes for e in epsilons)]:
        world = SyntheticWorld(viewers=devices or sizes[0], titles=titles, impressions=rounds * steps, seed=seed)
        report = keyart_federated.simulate(
            world,
            steps_per_round=steps,
            rounds=rounds,
            seed=seed,
            learner="federated" if devices else "none",
            privacy=None if epsilon is None else keyart_federated.Privacy(epsilon, DELTA, masked=False),
        )
        runs.append(
            {
                "devices": devices,
                "epsilon": epsilon,
                "whole": round(report.capture, 4),
                "last_quarter": round(report.last_quarter_capture, 4),
                "seeds": 1,
            }
        )
        who = f"{devices:6,} devices" if devices else "   each alone"
        budget = "without privacy" if epsilon is None else f"ε = {epsilon:g}"
        print(f"{who}, {budget}: capture {report.capture:.3f}, last {report.last_quarter_capture:.3f}", flush=True)
    return runs


def draw(runs: list[dict], path: str) -> None:
    """Draw the capture of the last quarter against ε, one line per fleet; needs keyart[tools]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    budgets = sorted({run["epsilon"] for run in runs if run["epsilon"] is not None})
    end = 2 * budgets[-1]  # where the runs without privacy stand
    sizes = sorted({run["devices"] for run in runs if run["devices"]})
    for devices, colour in zip(sizes, COLOURS[-len(sizes) :], strict=True):
        mine = [run for run in runs if run["devices"] == devices]
        noised = sorted((run["epsilon"], run["last_quarter"]) for run in mine if run["epsilon"] is not None)
        axes.plot(*zip(*noised, strict=True), "o-", color=colour, linewidth=1.6, markersize=4)
        exact = [run["last_quarter"] for run in mine if run["epsilon"] is None]
        if exact:
            axes.plot([noised[-1][0], end], [noised[-1][1], exact[0]], ":", color=colour, linewidth=1)
            axes.plot([end], exact, "D", color=colour, markersize=5)
        axes.annotate(
            f"{devices:,}", (noised[0][0], noised[0][1]), xytext=(-6, 0), textcoords="offset points",
            ha="right", va="center", color=colour, fontsize=9,
        )  # fmt: skip
    for run in runs:
        if run["devices"] == 0:
            axes.axhline(run["last_quarter"], color="#8a8f98", linewidth=1, linestyle="--")
            axes.annotate(
                "nothing learned together", (end, run["last_quarter"]), xytext=(0, 4), textcoords="offset points",
                ha="right", color="#6b7078", fontsize=9,
            )  # fmt: skip
    axes.set_xscale("log")
    axes.set_xticks([*budgets, end], [*(f"{epsilon:g}" for epsilon in budgets), "none"])
    axes.minorticks_off()
    axes.set_xlim(budgets[0] / 1.7, end * 1.2)
    axes.set_xlabel(f"ε of a person in the whole campaign, at δ = {DELTA:g}")
    axes.set_ylabel("capture, last quarter")
    axes.set_title("Devices in the fleet", loc="left", fontsize=9, color="#4b2f7f")
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    found = main()
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else ".")
    (folder / "privacy.json").write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    draw(found, str(folder / "privacy.png"))
