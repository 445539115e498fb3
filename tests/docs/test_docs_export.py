"""docs/reference/rights.md documents `keyart-export/1` field by field, held against an export that has them all."""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

from support import campaigns

import keyart

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "rights.md"
TYPES = {"text": str, "bool": bool, "number": (int, float)}
NOW = datetime(2026, 1, 5, 20, tzinfo=UTC)


def documented() -> dict[str, str]:
    table = PAGE.read_text("utf-8").partition("keyart-export/1`\n")[2]
    return dict(re.findall(r"^\| `([\w.\[\]{}]+)` \| (\w+) \|", table, re.MULTILINE))


def export_with_everything(folder: Path) -> dict:
    pictures = [keyart.Artwork("t/a", tags={"genre:drama": 1.0}), keyart.Artwork("t/b", tags={"genre:comedy": 1.0})]
    catalog = keyart.Catalog.from_titles([keyart.Title("t", tags={"genre:drama": 1.0}, artworks=pictures)])
    settings = {"keys": keyart.EphemeralKey(), "clock": lambda: NOW}
    settings["limits"] = campaigns.limits()
    with (
        keyart.Personalizer.open(folder / "p.db", catalog=catalog, **settings) as art,
        keyart.Personalizer.open("memory", catalog=catalog, **settings) as other,
    ):
        end = int(NOW.timestamp()) + 60
        for device in (art, other):
            device.consent.grant("personalization")
            device.consent.grant("federated")
            campaigns.enrolled(device, end)
        art.record(keyart.View("t", NOW, 5400))
        decision = art.choose("t", keyart.Context("tv", NOW))
        art.observe(decision.id, keyart.Outcome.played(seconds=2000))
        art.preferences.like("genre:drama")
        campaigns.run([art, other], campaigns.offer(art, not_after=end), at=NOW)
        assert art.answer(campaigns.offer(art, not_after=end, round=2).sign(campaigns.SERVER))
        return json.loads(json.dumps(art.export()))


def flattened(document: dict) -> dict[str, list]:
    """Values by path: `[]` for each entry of a list, `{}` for each of an object with free names."""
    found: dict[str, list] = {}
    for name, value in document.items():
        if isinstance(value, list):
            assert value, f"{name} is empty: nothing to hold the page against"
            for entry in value:
                for key, inner in entry.items():
                    found.setdefault(f"{name}[].{key}", []).append(inner)
        elif isinstance(value, dict):
            found[f"{name}{{}}"] = list(value.values())
        else:
            found[name] = [value]
    return found


def test_every_field_of_an_export_is_documented_and_no_other(tmp_path):
    assert set(flattened(export_with_everything(tmp_path))) == set(documented())


def test_fields_have_the_documented_types(tmp_path):
    types = documented()
    for path, values in flattened(export_with_everything(tmp_path)).items():
        expected = TYPES[types[path]]
        for value in values:
            assert isinstance(value, expected), path
            assert not (isinstance(value, bool) and types[path] == "number"), path


def test_times_of_an_export_have_a_zone(tmp_path):
    for path, values in flattened(export_with_everything(tmp_path)).items():
        if path.endswith((".at", "exported_at")):
            assert all(datetime.fromisoformat(value).utcoffset() is not None for value in values), path
