"""A model as a file: float parameters and tables, before a bundle rounds them (`keyart-model/1`).

A zip of numpy arrays (`.npz`) and one JSON text, read without pickle: reading it runs nothing that is in it.
"""

from __future__ import annotations

import io
import json
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from keyart import Artwork, Catalog, Title
from keyart.bundle import replace_file
from keyart.errors import InputError, KeyartError
from keyart.model import LATENTS, MAX_STORED_WEIGHT, FeatureSpec, parameter_count

from ..learning.model import GlobalModel

FORMAT = "keyart-model/1"
TABLES = ("theta", "population_taste", "appeal", "title_latents", "artwork_latents")
MAX_BYTES = 2**30
MADE_BY = "`keyart train LOG --catalog CATALOG --out MODEL` makes one."
# What zipfile, zlib, numpy and json say of bytes that they cannot read.
UNREADABLE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    EOFError,
    RecursionError,
    NotImplementedError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True)
class ModelFile:
    """A model with what a bundle says of it.

    names: ids of the titles and their artworks that the tables are of, in order, without tags. data: what it was
    trained on, in words, for the model card. training, quality: as in a bundle's manifest. evaluation_only: the
    licence of the data allows no more.
    """

    model: GlobalModel
    names: Catalog
    data: str
    training: Mapping[str, Any]
    quality: Mapping[str, float]
    evaluation_only: bool = False

    def save(self, path: Path) -> None:
        """Write the file, whole or not at all. Raises OSError."""
        document = {
            "format": FORMAT,
            "version": self.model.version,
            "base_rate": self.model.base_rate,
            "feature_spec": self.model.spec.to_json(),
            "titles": [[title.id, [artwork.id for artwork in title.artworks]] for title in self.names],
            "data": self.data,
            "training": dict(self.training),
            "quality": dict(self.quality),
            "evaluation_only": self.evaluation_only,
        }
        text = json.dumps(document, ensure_ascii=False, allow_nan=False)
        arrays = {name: getattr(self.model, name).astype("<f8") for name in TABLES}
        held = io.BytesIO()
        np.savez_compressed(held, about=np.frombuffer(text.encode(), dtype=np.uint8), **arrays)
        replace_file(path, held.getvalue())

    @classmethod
    def load(cls, path: Path) -> ModelFile:
        """Read what `save` wrote. Raises InputError for anything else."""
        try:
            if path.stat().st_size > MAX_BYTES:
                raise ValueError("it is larger than any model")
            with zipfile.ZipFile(path) as archive:
                if sum(entry.file_size for entry in archive.infolist()) > MAX_BYTES:
                    raise ValueError("it is larger than any model")
            with np.load(path, allow_pickle=False) as held:
                return _read(json.loads(held["about"].tobytes()), {name: held[name] for name in TABLES})
        except FileNotFoundError:
            raise InputError(f"No model at {path}. {MADE_BY}") from None
        except OSError as error:
            raise InputError(f"Cannot read {path}: {error.strerror or error}. Name the file of a model.") from error
        except KeyartError as error:  # of the feature spec, or of a double id
            raise InputError(f"{path} is a damaged model: {error}") from None
        except UNREADABLE as error:
            raise InputError(f"{path} is not a model of keyart, or a damaged one ({error}). {MADE_BY}") from None


def _read(about: Any, tables: Mapping[str, Any]) -> ModelFile:
    """Read the file. Raises ValueError, TypeError, KeyError or KeyartError for what `save` did not write."""
    if about["format"] != FORMAT:
        raise ValueError(f"its format is {about['format']!r}, this keyart reads {FORMAT!r}")
    spec = FeatureSpec.from_json(about["feature_spec"])
    names = Catalog.from_titles(Title(t, artworks=[Artwork(a) for a in artworks]) for t, artworks in about["titles"])
    pictures = len(names.artwork_places)
    wanted = {
        "theta": (parameter_count(spec),),
        "population_taste": (spec.viewer_size,),
        "appeal": (pictures, 2),
        "title_latents": (len(names), LATENTS),
        "artwork_latents": (pictures, LATENTS),
    }
    for name, shape in wanted.items():
        table = tables[name]
        if table.dtype != np.dtype("<f8") or table.shape != shape or not (np.abs(table) <= MAX_STORED_WEIGHT).all():
            raise ValueError(f"{name!r} is no table of {shape} finite numbers")
    version, base_rate = about["version"], about["base_rate"]
    if type(version) is not int or version < 0 or type(base_rate) is not float or not 0 < base_rate < 1:
        raise ValueError("its version or its base rate is none")
    if type(about["evaluation_only"]) is not bool or not isinstance(about["data"], str):
        raise TypeError("it does not say what it was trained on")
    model = GlobalModel(spec, **{name: tables[name] for name in TABLES}, base_rate=base_rate, version=version)
    return ModelFile(
        model, names, about["data"], dict(about["training"]), dict(about["quality"]), about["evaluation_only"]
    )
