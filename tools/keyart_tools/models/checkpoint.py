"""Tensors of a PyTorch checkpoint, read without PyTorch and without executing code of the pickle.

The format is the older form of `torch.save`: five pickles (a magic number, a version, the machine, the object, the
keys of its storages), then each storage as its count and its numbers. An unpickler can call whatever a file names;
this one accepts three names, none of which does more than build a value.
"""

from __future__ import annotations

import pickle
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from keyart.errors import DataUnavailable

MAGIC = 0x1950A86A20F9469CFC6C
_DTYPES: dict[str, np.dtype[Any]] = {"FloatStorage": np.dtype("<f4"), "LongStorage": np.dtype("<i8")}
_COUNT = np.dtype("<i8")

Tensors = dict[str, npt.NDArray[Any]]
# A tensor before its numbers are read: storage, offset into it, shape and strides, in elements.
_Tensor = tuple[str, int, tuple[int, ...], tuple[int, ...]]


class _Unpickler(pickle.Unpickler):
    """An unpickler that records in `storages` the dtype and size of each storage that the object names."""

    def __init__(self, file: BinaryIO) -> None:
        super().__init__(file)
        self.storages: dict[str, tuple[np.dtype[Any], int]] = {}

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return _tensor
        if module == "torch" and name in _DTYPES:
            return name
        raise pickle.UnpicklingError(f"it names {module}.{name}, which no table of weights needs")

    def persistent_load(self, pid: tuple[str, str, str, str, int, None]) -> str:
        _, kind, key, _, size, _ = pid
        self.storages[key] = _DTYPES[kind], size
        return key


def _tensor(storage: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...], *_: object) -> _Tensor:
    return storage, offset, shape, strides


def read_checkpoint(path: Path) -> Tensors:
    """Return the tensors by name.

    Raises:
        DataUnavailable: the file is of another kind, or names other functions.
    """
    try:
        with path.open("rb") as file:
            if _Unpickler(file).load() != MAGIC:
                raise ValueError("its first number is another")
            for _ in ("version", "machine"):
                _Unpickler(file).load()
            unpickler = _Unpickler(file)
            named: dict[str, _Tensor] = unpickler.load()
            numbers = {key: _numbers(file, *unpickler.storages[key]) for key in _Unpickler(file).load()}
            return {
                name: _array(numbers[storage], offset, shape, strides)
                for name, (storage, offset, shape, strides) in named.items()
            }
    except OSError:
        raise
    except Exception as error:  # a pickle of an unknown hand can make its reader raise anything
        raise DataUnavailable(f"{path.name} is not a table of weights: {error}. Nothing of it was used.") from error


def _numbers(file: BinaryIO, dtype: np.dtype[Any], size: int) -> npt.NDArray[Any]:
    (count,) = np.frombuffer(file.read(_COUNT.itemsize), _COUNT)
    if count != size:
        raise ValueError(f"a storage of {size} numbers says that it has {count}")
    return np.frombuffer(file.read(size * dtype.itemsize), dtype, size)


def _array(
    numbers: npt.NDArray[Any], offset: int, shape: tuple[int, ...], strides: tuple[int, ...]
) -> npt.NDArray[Any]:
    """Return a tensor of the storage; numpy refuses one that reaches beyond it."""
    size = numbers.itemsize
    steps = tuple(stride * size for stride in strides)
    return np.ascontiguousarray(np.ndarray(shape, numbers.dtype, numbers, offset * size, steps))
