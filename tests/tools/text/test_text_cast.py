"""Names of a cast list in a text, and cast lists as files."""

from __future__ import annotations

from pathlib import Path

import pytest

from keyart.errors import InputError
from keyart_tools.text import cast_in, read_cast

CAST = {
    "Zoë Marén": ["Dr. Ellen Ross"],
    "Ole Ødegård": ["Will", "The Ferryman"],
    "Ida Ross-Berg": ["Grandma Ross"],
    "Tom Ott": [],
}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("zoe maren takes the boat", {"zoe-maren": 1.0}),
        ("with ZOË MARÉN, and others", {"zoe-maren": 1.0}),
        ("Ellen waits.", {"zoe-maren": 0.7}),
        ("they meet dr ellen ross's dog", {"zoe-maren": 1.0}),
        ("They meet Dr Ellen Ross", {"zoe-maren": 1.0}),
        ("Old Ross is here.", {}),  # two of them
        ("Will arrives late.", {"ole-odegard": 1.0}),
        ("Will you? I will.", {}),
        ("the ferryman laughs", {"ole-odegard": 1.0}),
        ("the ferrymans' union", {}),
        ("Ødegård's best part", {"ole-odegard": 0.7}),
        ("Ellenor and Tomott", {}),
        ("Tom-Ott? Tom Ott!", {"tom-ott": 1.0}),
        ("", {}),
        ("…!?", {}),
    ],
)
def test_names_are_found_as_whole_words(text: str, found: dict[str, float]) -> None:
    assert cast_in(text, CAST) == {f"cast:{name}": weight for name, weight in found.items()}


def test_nobody_is_in_an_empty_cast() -> None:
    assert cast_in("Anybody", {}) == {}


def test_reads_csv_and_json(tmp_path: Path) -> None:
    (tmp_path / "cast.csv").write_text(
        '\ufeffActor, Character\nZoë Marén,Dr. Ellen Ross\n\n"Ott, Tom",\n'
        "Zoë Marén,Her twin\nZoë Marén,Her twin\nIda Berg\n",
        "utf-8",
    )
    (tmp_path / "cast.json").write_text(
        '{"Zoë Marén": ["Dr. Ellen Ross", "Her twin"], "Ott, Tom": [], "Ida Berg": ""}'
    )

    expected = {"Zoë Marén": ["Dr. Ellen Ross", "Her twin"], "Ott, Tom": [], "Ida Berg": []}
    assert read_cast(tmp_path / "cast.csv") == expected
    assert read_cast(tmp_path / "cast.json") == expected


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "first row must be"),
        ("name,role\nA,B\n", "first row must be"),
        ("actor,character\n", "names no actor"),
        ("actor,character\nA,B\n,C\n", "line 3: no actor"),
        ("{", "not JSON"),
        ("[1]", "must be an object"),
        ('{"A": 3}', "list of names"),
        ('{"A": [3]}', "list of names"),
        ('{"A": ["\\ud800"]}', "list of names"),
        ("{}", "names no actor"),
    ],
)
def test_a_mistake_in_a_cast_list_is_named(tmp_path: Path, content: str, says: str) -> None:
    (tmp_path / "cast").write_text(content)

    with pytest.raises(InputError, match=says):
        read_cast(tmp_path / "cast")
