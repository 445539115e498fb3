"""The effect of fleet size on capture. Run: python examples/fleet_size.py (about ten minutes; writes fleet.png)"""

import sys

import keyart_federated
from keyart_federated.worlds import SyntheticWorld

SIZES = (500, 1_000, 2_000, 4_000, 8_000, 20_000)


def main(sizes=SIZES, titles=200, rounds=20, steps=10, seed=0) -> list[keyart_federated.Report]:
    """Run fleets of several sizes on the same titles, and print one line for each."""
    reports = []
    for devices in sizes:
        world = SyntheticWorld(viewers=devices, titles=titles, impressions=rounds * steps, seed=seed)
        report = keyart_federated.simulate(world, steps_per_round=steps, rounds=rounds, seed=seed)
        print(
            f"{devices:6,} devices: capture {report.capture:.3f}, last quarter {report.last_quarter_capture:.3f}, "
            f"best fixed {report.best_fixed_capture:.3f}; {report.client_updates_per_second:,.0f} updates a second",
            flush=True,
        )
        reports.append(report)
    return reports


def draw(reports: list[keyart_federated.Report], path: str) -> None:
    """Draw capture against the number of devices; needs keyart[tools]."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(6.4, 4.0), layout="constrained")
    axes = figure.subplots()
    devices = [report.devices for report in reports]
    for name, label, colour, line in (
        ("last_quarter_capture", "keyart, last quarter", "#e4572e", "o-"),
        ("capture", "keyart, whole run", "#eda48d", "o-"),
        ("best_fixed_capture", "best fixed pictures", "#8a8f98", "--"),
    ):
        values = [getattr(report, name) for report in reports]
        axes.plot(devices, values, line, color=colour, linewidth=1.6)
        last = (devices[-1], values[-1])
        axes.annotate(label, last, xytext=(0, 7), textcoords="offset points", ha="right", color=colour)
    axes.set_xscale("log")
    axes.set_xticks(devices, [f"{n:,}" for n in devices])
    axes.minorticks_off()
    axes.set_xlabel("devices")
    axes.set_ylabel("capture")
    axes.set_ylim(0.3, 0.75)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(axis="y", color="#eeeeee")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    draw(main(), sys.argv[1] if len(sys.argv) > 1 else "fleet.png")
