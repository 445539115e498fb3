"""What is there can be used, what is not is named; opening downloads nothing and loads nothing heavy."""

from __future__ import annotations

import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

from keyart_tools.models import MODELS, Models, default_folder

HEAVY = ("av", "cv2", "flwr", "h5py", "onnx", "onnxruntime", "PIL", "tokenizers", "torch")


def test_nothing_there(tmp_path: Path) -> None:
    models = Models.open(tmp_path)

    assert models.missing == tuple(MODELS)
    assert models.licences == {}
    assert [getattr(models, name) for name in MODELS] == [None] * len(MODELS)
    assert list(tmp_path.iterdir()) == []


def test_some_there(models: Models, tmp_path: Path) -> None:
    shutil.copytree(default_folder() / "faces", tmp_path / "faces")

    some = Models.open(tmp_path)

    assert some.faces is not None
    assert some.missing == ("expression", "objects", "lettering", "unsafe", "sentences")
    assert some.licences == {"faces": "MIT"}


def test_all_there(models: Models) -> None:
    assert models.missing == ()
    assert list(models.licences) == list(MODELS)
    assert all(getattr(models, name) is not None for name in MODELS)
    assert {field.name for field in fields(Models)} == {"missing", "licences", *MODELS}


def test_every_model_says_its_licence_its_training_and_its_checksums() -> None:
    for model in MODELS.values():
        assert model.licence and model.training and model.purpose
        for source in model.sources:
            assert "==" in source.requirement
            assert all(len(digest) == 64 for digest in (source.sha256, *(digest for _, digest in source.files)))


def test_opening_imports_nothing_heavy(models: Models) -> None:
    code = (
        "import sys; from keyart_tools.models import Models; Models.open(); "
        f"print([name for name in {HEAVY} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_a_model_runs_without_telemetry(models: Models, tmp_path: Path) -> None:
    code = (
        "import numpy, os; from pathlib import Path; from keyart_tools.models import Models; "
        f"Models.open(Path({str(default_folder())!r})).faces.find(numpy.zeros((64, 64, 3), dtype=numpy.uint8))"
    )
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, check=True)
    assert list(tmp_path.iterdir()) == []
