"""Two wheels of one distribution: the whole, and the SDK alone for devices. One must not drift from the other."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.parser import Parser
from pathlib import Path

import pytest

import keyart

ROOT = Path(__file__).parents[2]
WHOLE = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SDK = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))["project"]
DEVICE_DEPENDENCIES = {"numpy", "cryptography", "onnxruntime"}


def build(source: Path, folder: Path) -> zipfile.ZipFile:
    """The wheel of a project folder, built by pip without an index."""
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--no-build-isolation", "--no-index", "--wheel-dir", str(folder), str(source)]
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    (wheel,) = folder.glob("*.whl")
    return zipfile.ZipFile(wheel)


@pytest.fixture(scope="module")
def sdk_wheel(tmp_path_factory):
    with build(ROOT / "sdk", tmp_path_factory.mktemp("sdk-wheel")) as wheel:
        yield wheel


@pytest.fixture(scope="module")
def whole_wheel(tmp_path_factory):
    with build(ROOT, tmp_path_factory.mktemp("whole-wheel")) as wheel:
        yield wheel


def packages(wheel: zipfile.ZipFile) -> set[str]:
    return {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}


def metadata(wheel: zipfile.ZipFile):
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


@pytest.mark.parametrize(
    "field",
    ["name", "version", "description", "license", "license-files", "requires-python", "keywords", "classifiers"],
)
def test_sdk_says_the_same_as_the_whole(field):
    assert SDK[field] == WHOLE[field]


def test_sdk_has_the_dependencies_and_the_devices_extras_of_the_whole():
    extras = WHOLE["optional-dependencies"]
    assert SDK["dependencies"] == WHOLE["dependencies"]
    assert SDK["optional-dependencies"] == {name: extras[name] for name in ("update", "keyring")}


def test_version_is_the_packages_own():
    assert WHOLE["version"] == keyart.__version__


def test_licence_travels_with_the_sdk():
    assert (ROOT / "sdk" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_sdk_wheel_holds_keyart_alone(sdk_wheel):
    names = sdk_wheel.namelist()
    assert packages(sdk_wheel) == {"keyart"}
    assert "keyart/py.typed" in names
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)
    assert not any(name.endswith("entry_points.txt") for name in names)


def test_sdk_wheel_holds_every_module(sdk_wheel):
    source = ROOT / "sdk"
    modules = {path.relative_to(source).as_posix() for path in (source / "keyart").rglob("*.py")}
    assert modules <= set(sdk_wheel.namelist())


def test_sdk_wheel_requires_three_distributions(sdk_wheel):
    said = metadata(sdk_wheel)
    required = [line for line in said.get_all("Requires-Dist") if "extra ==" not in line]
    assert {re.match(r"[\w-]+", line)[0] for line in required} == DEVICE_DEPENDENCIES
    assert len(required) == len(DEVICE_DEPENDENCIES)
    (runtime,) = [line for line in required if line.startswith("onnxruntime")]
    assert "android" in runtime and "ios" in runtime
    assert sorted(said.get_all("Provides-Extra")) == ["keyring", "update"]
    assert said["License-Expression"] == "Apache-2.0"


def test_whole_wheel_holds_the_four_packages(whole_wheel):
    assert packages(whole_wheel) == {"keyart", "keyart_federated", "keyart_server", "keyart_tools"}
    for package in packages(whole_wheel):
        assert f"{package}/py.typed" in whole_wheel.namelist()
