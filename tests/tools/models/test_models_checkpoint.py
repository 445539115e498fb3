"""A table of weights is read, in PyTorch's older form; a pickle that wants more than that gets nothing."""

from __future__ import annotations

import io
import os
import pickle
import struct
import subprocess
import sys
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from keyart.errors import DataUnavailable
from keyart_tools.models.checkpoint import MAGIC, read_checkpoint


class Named:
    """Pickled as the global `module.name`."""

    def __init__(self, module: str, name: str) -> None:
        self.path = module, name


class Storage:
    def __init__(self, key: str, values: Any) -> None:
        self.key, self.values = key, np.asarray(values)
        self.kind = "LongStorage" if self.values.dtype == np.int64 else "FloatStorage"


class Tensor:
    def __init__(self, storage: Storage, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.storage, self.arguments = storage, (offset, shape, strides, False, OrderedDict())


class Pickler(pickle._Pickler):
    """Writes what `torch.save` writes, where PyTorch is not installed."""

    def __init__(self, file: io.BytesIO) -> None:
        super().__init__(file, protocol=2)

    def persistent_id(self, item: Any) -> Any:
        if isinstance(item, Storage):
            return "storage", Named("torch", item.kind), item.key, "cpu", len(item.values), None
        return None

    def save(self, item: Any, save_persistent_id: bool = True) -> None:
        if isinstance(item, Named):
            self.write(f"c{item.path[0]}\n{item.path[1]}\n".encode())
        elif isinstance(item, Tensor):
            self.save(Named("torch._utils", "_rebuild_tensor_v2"))
            self.save((item.storage, *item.arguments))
            self.write(b"R")
        else:
            super().save(item, save_persistent_id)


def written(path: Path, named: object, storages: Mapping[str, Any] = {}) -> Path:
    file = io.BytesIO()
    for part in (MAGIC, 1001, {"little_endian": True}, named, sorted(storages)):
        Pickler(file).dump(part)
    for key in sorted(storages):
        values = np.asarray(storages[key])
        file.write(struct.pack("<q", len(values)) + values.tobytes())
    path.write_bytes(file.getvalue())
    return path


FLOATS = np.arange(6, dtype=np.float32)


def test_tensors_of_both_kinds(tmp_path: Path) -> None:
    floats, count = Storage("a", FLOATS), Storage("b", np.array([7]))
    named = OrderedDict(
        rows=Tensor(floats, 0, (2, 3), (3, 1)),
        transposed=Tensor(floats, 0, (3, 2), (1, 3)),
        last=Tensor(floats, 4, (2,), (1,)),
        count=Tensor(count, 0, (), ()),
    )

    tensors = read_checkpoint(written(tmp_path / "weights.pth", named, {"a": FLOATS, "b": np.array([7])}))

    np.testing.assert_array_equal(tensors["rows"], FLOATS.reshape(2, 3))
    np.testing.assert_array_equal(tensors["transposed"], FLOATS.reshape(2, 3).T)
    np.testing.assert_array_equal(tensors["last"], [4, 5])
    assert tensors["count"] == 7
    assert tensors["rows"].dtype == np.float32


class Shell:
    def __init__(self, made: Path) -> None:
        self.made = made

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.made}",)


@pytest.mark.parametrize("part", range(5))
def test_a_pickle_that_would_run_a_program_runs_none(tmp_path: Path, part: int) -> None:
    made = tmp_path / "made"
    parts: list[object] = [MAGIC, 1001, {}, OrderedDict(), []]
    parts[part] = Shell(made)
    path = tmp_path / "hostile.pth"
    path.write_bytes(b"".join(pickle.dumps(item, protocol=2) for item in parts))

    with pytest.raises(DataUnavailable, match=r"hostile\.pth is not a table of weights: it names posix\.system"):
        read_checkpoint(path)
    assert not made.exists()


def test_that_pickle_is_hostile_indeed(tmp_path: Path) -> None:
    made = tmp_path / "made"
    (tmp_path / "hostile").write_bytes(pickle.dumps(Shell(made)))
    code = f"import pickle; pickle.load(open({str(tmp_path / 'hostile')!r}, 'rb'))"
    subprocess.run([sys.executable, "-c", code], check=True)
    assert made.exists()


@pytest.mark.parametrize(
    "name", [("builtins", "eval"), ("torch", "load"), ("collections", "defaultdict"), ("torch._utils", "open")]
)
def test_other_names_are_refused(tmp_path: Path, name: tuple[str, str]) -> None:
    with pytest.raises(DataUnavailable, match=rf"it names {name[0]}\.{name[1]}"):
        read_checkpoint(written(tmp_path / "weights.pth", {"a": Named(*name)}))


@pytest.mark.parametrize(
    ("offset", "shape", "strides"),
    [
        (0, (7,), (1,)),
        (5, (2,), (1,)),
        (0, (2, 3), (4, 1)),
        (-1, (2,), (1,)),
        (0, (2,), (-1,)),
        (0, (-2,), (1,)),
        (0, (1 << 62,), (0,)),
        (0, (2, 2), (1,)),
        (0, ("2",), (1,)),
        (1 << 70, (1,), (1,)),
    ],
)
def test_a_tensor_beyond_its_storage(
    tmp_path: Path, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> None:
    tensor = Tensor(Storage("a", FLOATS), offset, shape, strides)
    with pytest.raises(DataUnavailable, match="not a table of weights"):
        read_checkpoint(written(tmp_path / "weights.pth", {"t": tensor}, {"a": FLOATS}))


def test_a_storage_of_another_size(tmp_path: Path) -> None:
    tensor = Tensor(Storage("a", FLOATS), 0, (6,), (1,))
    with pytest.raises(DataUnavailable, match="a storage of 6 numbers says that it has 5"):
        read_checkpoint(written(tmp_path / "weights.pth", {"t": tensor}, {"a": FLOATS[:5]}))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", bytes(range(100)), pickle.dumps(3, 2)])
def test_files_of_another_kind(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "weights.pth").write_bytes(content)
    with pytest.raises(DataUnavailable, match="not a table of weights"):
        read_checkpoint(tmp_path / "weights.pth")


def test_every_shorter_file_is_refused(tmp_path: Path) -> None:
    tensor = Tensor(Storage("a", FLOATS), 0, (6,), (1,))
    whole = written(tmp_path / "weights.pth", {"t": tensor}, {"a": FLOATS}).read_bytes()
    for length in range(len(whole)):
        (tmp_path / "short.pth").write_bytes(whole[:length])
        with pytest.raises(DataUnavailable):
            read_checkpoint(tmp_path / "short.pth")
