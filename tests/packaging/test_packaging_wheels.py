"""Two wheels, `keyart` and `keyart-tools`: what each holds, and what an index page says of it."""

import re
import subprocess
import sys
import tomllib
import zipfile
from email.message import Message
from email.parser import Parser
from pathlib import Path

import pytest
from markdown_it import MarkdownIt
from packaging.requirements import Requirement

import keyart

ROOT = Path(__file__).parents[2]
TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
SDK = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))["project"]
OF_TOOLS = {"tools": set(), "server": {"server"}, "tagging": {"tagging"}, "all": {"all"}}
MIN_DESCRIPTION = 1500  # characters


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
def tools_wheel(tmp_path_factory):
    with build(ROOT, tmp_path_factory.mktemp("tools-wheel")) as wheel:
        yield wheel


@pytest.fixture(params=["sdk_wheel", "tools_wheel"])
def either_wheel(request):
    return request.getfixturevalue(request.param)


def packages(wheel: zipfile.ZipFile) -> set[str]:
    return {name.split("/")[0] for name in wheel.namelist() if ".dist-info/" not in name}


def metadata(wheel: zipfile.ZipFile) -> Message:
    (name,) = [name for name in wheel.namelist() if name.endswith(".dist-info/METADATA")]
    return Parser().parsestr(wheel.read(name).decode())


def requirements(wheel: zipfile.ZipFile, extra: str = "") -> list[Requirement]:
    """What the wheel requires: always, or with an extra in addition to that."""
    found = [Requirement(line) for line in metadata(wheel).get_all("Requires-Dist")]
    marked = re.compile(r'extra == [\'"]([\w-]+)[\'"]')
    return [entry for entry in found if (marked.findall(str(entry.marker)) or [""]) == [extra]]


def test_there_is_one_version():
    assert TOOLS["version"] == SDK["version"] == keyart.__version__
    images = {
        found
        for file in ("Containerfile", "compose.yaml")
        for found in re.findall(r"\bkeyart:(\d[\w.]*)", (ROOT / "server" / "deploy" / file).read_text("utf-8"))
    }
    assert images == {keyart.__version__}


@pytest.mark.parametrize("field", ["license", "license-files", "requires-python", "keywords", "urls"])
def test_both_say_the_same(field):
    assert SDK[field] == TOOLS[field]


def test_licence_travels_with_the_sdk():
    assert (ROOT / "sdk" / "LICENSE").read_bytes() == (ROOT / "LICENSE").read_bytes()


def test_sdk_wheel_holds_keyart_alone(sdk_wheel):
    assert packages(sdk_wheel) == {"keyart"}
    assert not any(name.endswith("entry_points.txt") for name in sdk_wheel.namelist())


def test_tools_wheel_holds_the_other_packages_and_the_command(tools_wheel):
    assert packages(tools_wheel) == {"keyart_federated", "keyart_server", "keyart_tools"}
    (name,) = [name for name in tools_wheel.namelist() if name.endswith("entry_points.txt")]
    assert tools_wheel.read(name).decode().split() == ["[console_scripts]", "keyart", "=", "keyart_tools.cli:main"]


def test_a_wheel_holds_every_file_of_its_packages(either_wheel):
    for package in packages(either_wheel):
        (source,) = ROOT.glob(f"*/{package}")
        listed = subprocess.run(
            ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", "."],
            cwd=source, capture_output=True, text=True, check=True,
        ).stdout.split("\0")  # fmt: skip
        files = {f"{package}/{name}" for name in listed if name and (source / name).is_file()}
        assert f"{package}/py.typed" in files
        assert files == {name for name in either_wheel.namelist() if name.startswith(f"{package}/")}


def test_an_index_page_has_what_it_shows(either_wheel):
    said = metadata(either_wheel)
    assert said["License-Expression"] == "Apache-2.0" and said.get_all("License-File") == ["LICENSE"]
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in either_wheel.namelist())
    assert said["Requires-Python"] == ">=3.11"
    urls = dict(line.split(", ") for line in said.get_all("Project-URL"))
    assert {"Homepage", "Documentation", "Source", "Issues", "Changelog"} <= set(urls)
    assert all(url.startswith("https://") for url in urls.values())
    versions = {f"Programming Language :: Python :: 3.{minor}" for minor in (11, 12, 13, 14)}
    assert versions <= set(said.get_all("Classifier"))
    assert not [entry for entry in said.get_all("Classifier") if entry.startswith("License ::")]  # PEP 639


def test_a_description_stands_on_a_page_of_its_own(either_wheel):
    said = metadata(either_wheel)
    text = said.get_payload()
    assert said["Description-Content-Type"] == "text/markdown"
    assert len(text) >= MIN_DESCRIPTION
    assert text.startswith(f"# {said['Name']}\n")
    inline = [token for outer in MarkdownIt("commonmark").parse(text) for token in outer.children or ()]
    links = [str(token.attrGet("href")) for token in inline if token.type == "link_open"]
    assert not [link for link in links if not link.startswith("https://")]
    assert not [token for token in inline if token.type == "image"]
    assert not re.search(r"\]\((?!https://)", text) and "<img" not in text


def test_descriptions_name_the_extras(sdk_wheel, tools_wheel):
    assert set(re.findall(r"keyart\[(\w+)\]", metadata(sdk_wheel).get_payload())) == set(SDK["optional-dependencies"])
    assert set(re.findall(r"keyart\[(\w+)\]", metadata(tools_wheel).get_payload())) == set(OF_TOOLS)


def test_python_in_the_description_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tokens = MarkdownIt("commonmark").parse((ROOT / "sdk" / "README.md").read_text("utf-8"))
    (block,) = [token.content for token in tokens if token.type == "fence" and token.info == "python"]
    exec(compile(block, "sdk/README.md", "exec"), {})


def test_a_device_requires_three_distributions(sdk_wheel):
    assert [entry.name for entry in requirements(sdk_wheel)] == ["cryptography", "numpy", "onnxruntime"]
    assert sorted(metadata(sdk_wheel).get_all("Provides-Extra")) == sorted(["keyring", "update", *OF_TOOLS])


def test_extras_of_the_sdk_bring_the_tools_of_the_same_version(sdk_wheel):
    for extra, theirs in OF_TOOLS.items():
        (entry,) = requirements(sdk_wheel, extra)
        assert (entry.name, entry.extras, str(entry.specifier)) == ("keyart-tools", theirs, f"=={SDK['version']}")


def test_the_tools_require_the_sdk_of_the_same_version(tools_wheel):
    for extra in ("", "all"):
        (entry,) = [entry for entry in requirements(tools_wheel, extra) if entry.name == "keyart"]
        assert str(entry.specifier) == f"=={SDK['version']}"
    assert metadata(tools_wheel).get_all("Provides-Extra") == ["all", "dev", "otel", "server", "tagging"]
