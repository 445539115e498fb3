"""`keyart evaluate`: a log's answer as table, JSON and chart, and what is no log."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from support import training

from keyart_federated.export import write_bundle

LOGGED, TARGET, QUALITY = np.array([0.4, 0.3, 0.3]), np.array([0.9, 0.05, 0.05]), np.array([0.3, 0.2, 0.1])


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Path:
    rng = np.random.default_rng(5)
    shown = rng.choice(3, p=LOGGED, size=4000)
    played = rng.random(4000) < QUALITY[shown]
    path = tmp_path_factory.mktemp("evaluate") / "log.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["played", "propensity", "target_probability", "household", "q", "q_policy"])
        for n, picture in enumerate(shown):
            rows.writerow(
                [int(played[n]), LOGGED[picture], TARGET[picture], n % 400, QUALITY[picture], TARGET @ QUALITY]
            )
    return path


def test_as_a_table(log, keyart_command):
    done = keyart_command("evaluate", log)
    assert done.exit_code == 0 and done.stderr == ""
    assert "self-normalised (decides)" in done.stdout and "doubly robust" not in done.stdout
    assert "reward played, propensity propensity" in done.stdout
    assert done.stdout.splitlines()[-1].startswith("Better: the policy would earn 0.2")


def test_as_json_with_a_chart(log, tmp_path, keyart_command):
    names = ["--group", "household", "--predicted-shown", "q", "--predicted-target", "q_policy"]
    done = keyart_command("evaluate", log, *names, "--level", "0.9", "--plot", tmp_path / "a.png", "--json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["by"] == "dr" and document["answer"] == "better" and document["level"] == 0.9
    assert document["overlap"]["units"] == 400 and document["columns"]["group"] == "household"
    value = document["estimates"]["dr"]
    assert value["low"] < float(TARGET @ QUALITY) < value["high"]
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")
    assert done.stderr == f"Chart: {tmp_path / 'a.png'}\n"


def test_doubts_go_to_stderr(log, tmp_path, keyart_command):
    short = tmp_path / "short.csv"
    short.write_text("\n".join(log.read_text("utf-8").splitlines()[:60]), encoding="utf-8")
    done = keyart_command("evaluate", short, "--json")
    assert done.exit_code == 0 and "decisions count: the interval is a rough one." in done.stderr
    assert json.loads(done.stdout)["overlap"]["doubts"] == done.stderr.splitlines()


def rewritten(log: Path, path: Path, column: str, value: object) -> Path:
    with log.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows([rows[0] | {column: value}, *rows[1:]])
    return path


def mistakes(log: Path, folder: Path) -> dict[str, tuple[Path | str, ...]]:
    lines = log.read_text("utf-8").splitlines()
    contents = {
        "random bytes": np.random.default_rng(2).bytes(3000),
        "an empty file": b"",
        "broken JSON": b'{"reward": 1,',
        "names alone": lines[0].encode(),
        "one row": "\n".join(lines[:2]).encode(),
        "Parquet cut short": b"PAR1",
    }
    files = {name: folder / f"{place}.log" for place, name in enumerate(contents)}
    for name, path in files.items():
        path.write_bytes(contents[name])
    values = {"NaN": "nan", "0": 0, "above 1": 1.2, "below 0": -0.1, "a word": "much", "empty": ""}
    for place, (name, value) in enumerate(values.items()):
        files[f"propensity: {name}"] = rewritten(log, folder / f"p{place}.csv", "propensity", value)
    files["target above 1"] = rewritten(log, folder / "t.csv", "target_probability", 3)
    (folder / "empty").mkdir()
    return {
        **{name: (path,) for name, path in files.items()},
        "missing": (folder / "none.csv",),
        "a folder": (folder,),
        "an empty folder": (folder / "empty",),
        "a column that is not there": (log, "--reward", "watched"),
        "half of the predictions": (log, "--predicted-shown", "q"),
        "no overlap": (log, "--target", "played", "--reward", "q", "--propensity", "propensity"),
        "a chart without an ending": (log, "--plot", folder / "chart"),
        "a chart in a folder that is none": (log, "--plot", folder / "none" / "a.png"),
        "a chart that is a folder": (log, "--plot", folder / "empty"),
        "a level of 1": (log, "--level", "1"),
        "one device": (rewritten(log, folder / "d.csv", "q", 1), "--group", "q_policy"),
    }


def test_mistakes_end_in_a_sentence(log, tmp_path, keyart_command):
    for name, arguments in mistakes(log, tmp_path).items():
        done = keyart_command("evaluate", *arguments)
        assert done.exit_code in (1, 2), name
        assert done.stdout == "", name
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: ") and last.endswith((".", "directory")), (name, last)
        assert "Traceback" not in done.stderr, name
        if done.exit_code == 1:
            assert len(done.stderr.strip().splitlines()) == 1, name
    assert not list(tmp_path.glob("chart*")) and not list(tmp_path.rglob("*.partial"))


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log, its catalogue, a bundle that was trained on it, and one that was never trained."""
    folder = tmp_path_factory.mktemp("fleet")
    training.log().save(folder / "log.csv")
    training.world().catalog.save(folder / "catalog.json")
    for name, file, about in (("bundle", training.fitted().file, 3), ("prior", training.untrained(), 0)):
        write_bundle(folder / name, file.model, file.names, data=file.data, training={"round": about, "devices": 48})
    return folder


def of_bundle(folder: Path, name: str = "bundle", log: str = "log.csv") -> tuple[Path | str, ...]:
    return (folder / log, "--bundle", folder / name, "--catalog", folder / "catalog.json")


def test_the_policy_of_a_bundle(fleet, keyart_command):
    done = keyart_command("evaluate", *of_bundle(fleet), "--json")
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document["answer"] == "better" and document["overlap"]["units"] == 60
    assert document["columns"] == {
        "reward": "outcome", "propensity": "propensity", "target": "bundle", "group": "viewer",
    }  # fmt: skip
    (remark,) = document["remarks"]
    assert "trained on a log of the same description" in remark
    assert document["estimates"]["snips"]["value"] > document["logged"]["value"]
    assert remark in keyart_command("evaluate", *of_bundle(fleet)).stdout


def test_a_bundle_without_training_says_so(fleet, keyart_command):
    done = keyart_command("evaluate", *of_bundle(fleet, "prior"))
    assert done.exit_code == 0 and "The bundle has never been trained" in done.stdout


def test_a_short_log_says_so(fleet, keyart_command):
    lines = (fleet / "log.csv").read_text("utf-8").splitlines(keepends=True)
    (fleet / "short.csv").write_text("".join(lines[:60]), encoding="utf-8")
    done = keyart_command("evaluate", *of_bundle(fleet, log="short.csv"))
    last = done.stdout.splitlines()[-1]
    assert done.exit_code == 0 and last.startswith("Too few decisions to tell: ")
    assert "decisions of this kind are needed for ±0.02, and the log has 50." in last


def test_a_broken_row_is_named_and_nothing_is_estimated(fleet, keyart_command):
    lines = (fleet / "log.csv").read_text("utf-8").splitlines(keepends=True)
    lines[7] = "v,never,tv,t0,1,,,,\n"
    (fleet / "broken.csv").write_text("".join(lines), encoding="utf-8")
    for arguments in (
        of_bundle(fleet, log="broken.csv"),
        (fleet / "broken.csv", "--target", "propensity", "--reward", "seconds"),
    ):
        done = keyart_command("evaluate", *arguments)
        if "--bundle" in arguments:
            assert done.exit_code == 1 and done.stdout == ""
            assert "broken.csv:8: 'at' is 'never'" in done.stderr and len(done.stderr.splitlines()) == 1
        else:  # it uses no time, and a view is no part of the estimate
            assert done.exit_code == 0, done.output


def test_wrong_use_of_a_bundle(fleet, keyart_command):
    for arguments, code in (
        ((fleet / "log.csv", "--bundle", fleet / "bundle"), 2),
        ((fleet / "log.csv", "--catalog", fleet / "catalog.json"), 2),
        ((*of_bundle(fleet), "--reward", "seconds"), 2),
        (of_bundle(fleet, "nowhere"), 1),
        (of_bundle(fleet, log="catalog.json"), 1),
        ((fleet / "log.csv",), 1),  # no probabilities of a policy
    ):
        done = keyart_command("evaluate", *arguments)
        assert done.exit_code == code and done.stdout == "", arguments
        assert done.stderr.strip().splitlines()[-1].startswith("Error: ") and "Traceback" not in done.stderr
