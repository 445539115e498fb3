"""The app folder and the settings of a run: what Flower reads is what was meant."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from keyart.errors import SettingError
from keyart_federated.flower import app, programs, write_app

settings = st.text() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False)


@given(st.dictionaries(st.text(), settings))
def test_settings_survive_toml(values):
    assert tomllib.loads(app.to_toml(values)) == values


@pytest.mark.parametrize("value", [None, 2**63, b"bytes", [1], "half \ud83d"])
def test_a_value_that_flower_cannot_hold_is_refused(value):
    with pytest.raises(SettingError):
        app.to_toml({"key": value})


def test_the_manifest_names_the_components_and_installs_nothing(tmp_path):
    folder = write_app(tmp_path / "app", config={"rounds": 3, "name": 'a "b"'})
    manifest = tomllib.loads((folder / "pyproject.toml").read_text())
    flower = manifest["tool"]["flwr"]["app"]
    assert flower["components"] == {
        "serverapp": "keyart_federated.flower.server_app:app",
        "clientapp": "keyart_federated.flower.client_app:app",
    }
    assert flower["config"] == {"result-path": "", "rounds": 3, "name": 'a "b"'}
    assert manifest["project"]["dependencies"] == []
    assert "[project.optional-dependencies]" not in (folder / "pyproject.toml").read_text()
    assert sorted(path.name for path in folder.iterdir()) == ["LICENSE", "pyproject.toml"]


def test_flower_accepts_the_folder(tmp_path):
    config_utils = pytest.importorskip("flwr.cli.config_utils")
    folder = write_app(tmp_path, "server_part:app", "client_part:app")
    (folder / "server_part.py").write_text("app = object()\n")
    (folder / "client_part.py").write_text("from server_part import app\n__all__ = ['app']\n")
    _, warnings = config_utils.load_and_validate(folder / "pyproject.toml")
    assert warnings == []


@pytest.mark.parametrize("reference", ["", "module", "module:", ":app", 'module:app"\nx = "', "a/b:app"])
def test_a_component_that_is_no_reference_is_refused(tmp_path, reference):
    with pytest.raises(SettingError, match="names no Flower component"):
        write_app(tmp_path / "app", serverapp=reference)
    assert not (tmp_path / "app").exists()


def test_a_run_overrides_settings_of_the_manifest_only(tmp_path):
    folder = write_app(tmp_path, config={"rounds": 3, "rate": 0.5})
    offered = {"result-path": "/a", "else": "dropped"}
    assert app.settings_of(folder, offered, {"rounds": 5}) == {"result-path": "/a", "rounds": 5}
    assert app.settings_of(folder, offered, {"result-path": "/b"}) == {"result-path": "/b"}
    with pytest.raises(SettingError, match="no setting 'round'"):
        app.settings_of(folder, {}, {"round": 5})
    with pytest.raises(SettingError, match="default in the app is 3"):
        app.settings_of(folder, {}, {"rounds": "5"})
    with pytest.raises(SettingError, match="default in the app is 3"):
        app.settings_of(folder, {}, {"rounds": True})


def test_a_folder_that_is_no_app_says_how_to_make_one(tmp_path):
    with pytest.raises(SettingError, match="write_app"):
        app.settings_of(tmp_path, {}, {})
    (tmp_path / "pyproject.toml").write_text("[tool]\nflwr = 1\n")
    with pytest.raises(SettingError, match="write_app"):
        app.settings_of(tmp_path, {}, {})


def test_every_process_is_quiet_offline_and_in_its_own_home(tmp_path, monkeypatch):
    monkeypatch.setenv("FLWR_TELEMETRY_ENABLED", "1")
    env = programs.environment(tmp_path, {"EXTRA": "1"})
    assert env["FLWR_TELEMETRY_ENABLED"] == "0"
    assert env["FLWR_DISABLE_UPDATE_CHECK"] == "1"
    assert env["FLWR_DISABLE_RUNTIME_DEPENDENCY_INSTALLATION"] == "1"
    assert (env["FLWR_HOME"], env["EXTRA"]) == (str(tmp_path), "1")
