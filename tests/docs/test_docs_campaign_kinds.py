"""docs/reference/campaign-kinds.md names every kind of campaign, and both halves of a kind have the same name."""

import importlib
import pkgutil
import re
from pathlib import Path

import keyart_federated.campaigns as server
from keyart.campaigns import kinds as device
from keyart.campaigns.vectors import DeviceKind

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "campaign-kinds.md"


def kinds_on_the_device() -> dict[str, DeviceKind]:
    modules = (module.name for module in pkgutil.iter_modules(device.__path__))
    loaded = {name: importlib.import_module(f"{device.__name__}.{name}") for name in modules}
    return {name: module.KIND for name, module in loaded.items() if hasattr(module, "KIND")}


def test_every_kind_is_in_the_registry():
    assert set(map(id, kinds_on_the_device().values())) == set(map(id, device.KINDS))


def test_both_halves_have_the_same_name():
    assert set(kinds_on_the_device()) <= {module.name for module in pkgutil.iter_modules(server.__path__)}


def test_no_two_kinds_accept_the_same_offer():
    accepted = [(kind.kind, topic) for kind in device.KINDS for topic in kind.topics or ("*",)]
    assert len(set(accepted)) == len(accepted)


def test_the_page_has_a_section_for_every_kind_with_question_vector_reading_and_cost():
    sections = dict(re.findall(r"^## ([^\n]+)\n(.*?)(?=^## |\Z)", PAGE.read_text("utf-8"), re.MULTILINE | re.DOTALL))
    for name in kinds_on_the_device():
        section = {title.lower().replace("-", ""): text for title, text in sections.items()}[name]
        for part in ("Question", "Vector", "Read", "Cost"):
            assert f"- **{part}:**" in section, (name, part)
