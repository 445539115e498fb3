"""What an import and a choice pull in, write and open: nothing that the app did not ask for."""

from __future__ import annotations

import json

import pytest
from choosing_samples import run_python, sample_bundle, sample_catalog

import keyart
from keyart.bundle import Slots, verify

HEAVY = ["numpy", "onnxruntime", "cryptography", "flwr", "onnx", "click", "rich", "sqlite3", "tuf", "socket", "ssl"]

CHOOSE = """
    import json, os, sys
    from datetime import timedelta
    import keyart
    from choosing_samples import TV, sample_catalog, sample_keys
    folder, engine = sys.argv[1:3]
    with keyart.Personalizer.open(folder + "/p.db", catalog=sample_catalog(), keys=sample_keys(),
                                  bundle=folder + "/bundle", engine=engine) as art:
        art.consent.grant("personalization")
        art.record(keyart.View("t2", TV.at, 5400))
        decision = art.choose("t0", TV)
        art.choose_page(["t0", "t1", "t2"], TV)
        art.observe(decision.id, keyart.Outcome.played(3000))
        assert art.explain(decision.id).factors and art.export()["outcomes"]
"""


@pytest.fixture
def folder(tmp_path):
    sample_bundle(tmp_path / "bundle", sample_catalog())
    return tmp_path


def loaded(text: str, *arguments: object) -> list[str]:
    lines = run_python(
        text + f"\nimport sys, json\nprint(json.dumps([m for m in {HEAVY} if m in sys.modules]))", *arguments
    )
    return json.loads(lines.splitlines()[-1])


def test_import_keyart_is_light():
    assert loaded("import keyart") == []


def test_words_of_the_catalogue_need_no_numpy():
    text = "import keyart; keyart.Catalog, keyart.Context, keyart.View, keyart.Outcome, keyart.KeyartError"
    assert loaded(text) == []


def test_numpy_engine_needs_no_onnxruntime(folder):
    import textwrap

    found = loaded(textwrap.dedent(CHOOSE), folder, "numpy")
    assert "numpy" in found
    assert not {"onnxruntime", "onnx", "flwr", "click", "rich", "tuf"} & set(found)


def test_a_first_choice_loads_no_room_that_it_does_not_enter(folder):
    """With an installed bundle; one that nobody has installed is judged first, by the rooms for that."""
    Slots(folder / "slots").install(folder / "bundle", verify)
    text = """
        import sys
        import keyart
        from choosing_samples import TV, sample_catalog, sample_keys
        with keyart.Personalizer.open(sys.argv[1] + "/p.db", catalog=sample_catalog(), keys=sample_keys(),
                                      bundle=sys.argv[1] + "/slots", engine="numpy") as art:
            art.consent.grant("personalization")
            art.choose("t0", TV)
            rooms = ["model.explain", "model.transparency", "profile.data_export", "campaigns.participation",
                     "campaigns.vectors", "secagg", "bundle.update", "bundle.graph_rules", "bundle.onnxfile",
                     "bundle.reference_vectors", "model.ranker.onnx_engine"]
            print([room for room in rooms if f"keyart.{room}" in sys.modules])
    """
    assert run_python(text, folder).strip() == "[]"


def test_the_rules_for_bundles_are_loaded_when_one_is_judged():
    """A choice needs none of them; `keyart.bundle` itself brings nothing."""
    text = """
        import sys, keyart.bundle
        assert {m for m in sys.modules if m.startswith("keyart.")} == {"keyart.bundle"}
        assert keyart.bundle.Manifest.__name__ == "Manifest" and callable(keyart.bundle.verify)
        assert keyart.bundle.Slots is sys.modules["keyart.bundle.slots"].Slots
        try:
            keyart.bundle.no_such_name
        except AttributeError as error:
            print(error)
    """
    assert "no_such_name" in run_python(text)


@pytest.mark.parametrize(
    ("before", "host", "expected"),
    [("", None, "4"), ("", "20", "20"), ("import numpy", None, "None")],
    ids=["first", "the app's own choice stays", "too late"],
)
def test_idle_threads_of_openblas_do_not_spin(before, host, expected, monkeypatch):
    """The wait is set before numpy is imported, when it is read; not where the app has set it, or numpy is there."""
    monkeypatch.delenv("OPENBLAS_THREAD_TIMEOUT", raising=False)
    environment = {} if host is None else {"OPENBLAS_THREAD_TIMEOUT": host}
    text = f"import os\n{before}\nimport keyart\nprint(os.environ.get('OPENBLAS_THREAD_TIMEOUT'))"
    assert run_python(text, **environment).strip() == expected


def test_public_names_resolve():
    assert all(getattr(keyart, name) is not None for name in keyart.__all__)
    assert set(keyart.__all__) <= set(dir(keyart)) and sorted(keyart.__all__) == list(keyart.__all__)
    with pytest.raises(AttributeError):
        _ = keyart.no_such_name


def test_no_telemetry(folder):
    """onnxruntime leaves neither a file in the person's home nor its telemetry switched on."""
    home = folder / "home"
    home.mkdir()
    text = (
        CHOOSE
        + """
    assert "onnxruntime" in sys.modules
    print(os.environ["ORT_DISABLE_TELEMETRY"])
    """
    )
    private = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "XDG_CONFIG_HOME": home / "config"}
    out = run_python(text, folder, "onnxruntime", **{name: str(path) for name, path in private.items()})
    assert out.split() == ["1"]
    assert list(home.rglob("*")) == []


@pytest.mark.parametrize("engine", ["numpy", "onnxruntime"])
def test_no_socket_is_made(folder, engine):
    import textwrap

    trap = """
    import socket
    def refuse(*args, **kwargs):
        raise AssertionError("a socket was made")
    socket.socket = socket.create_connection = socket.getaddrinfo = refuse
    """
    # Python's own doors are shut above; a library below Python would leave an open descriptor.
    after = """
    if os.path.isdir("/proc/self/fd"):
        open_files = [os.readlink(entry.path) for entry in os.scandir("/proc/self/fd") if os.path.lexists(entry.path)]
        assert not [name for name in open_files if name.startswith("socket:")], open_files
    """
    run_python("".join(map(textwrap.dedent, (trap, CHOOSE, after))), folder, engine)
    assert {file.name for file in folder.iterdir()} == {"bundle", "p.db"}
