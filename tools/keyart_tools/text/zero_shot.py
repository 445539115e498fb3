"""Zero-shot tags of a text: its sentences are compared with a sentence that describes each label.

The method uses one embedding for texts and label descriptions (Yin et al. 2019, "Benchmarking Zero-shot Text
Classification"), with sentence embeddings (Reimers & Gurevych 2019, "Sentence-BERT").

    cosine(label) = ½ ⟨t, d_label⟩ + ½ mean over the text's sentences s of ⟨s, d_label⟩, t: the text as a whole
    usual(label)  = mean over all other labels l of ⟨d_l, d_label⟩
    lead(label)   = cosine(label) − ½ usual(label)
    weight        = (lead − FLOOR[kind]) / SPAN, clipped to 0–1

Some descriptions are close to every text; half of that effect is subtracted. The rule and its numbers were chosen on
36 synopses and twelve texts about other subjects (recipes, forms), none of which is in the tests.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import MappingProxyType
from typing import Protocol

import numpy as np
import numpy.typing as npt

from .labels import LABELS

Floats = npt.NDArray[np.float32]

FLOOR: Mapping[str, float] = MappingProxyType({"genre": 0.06, "mood": -0.02, "theme": 0.08})  # leads
SPAN = 0.2  # of leads, from weight 0 to weight 1
MAX_TAGS_PER_KIND = 3
MIN_RELATIVE_WEIGHT = 0.5  # of the best weight of its kind
MAX_SENTENCES = 200  # of one text; later ones are not read

_END_OF_SENTENCE = re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|\n{2,}")


class SentenceEncoder(Protocol):
    """A sentence embedding, such as `keyart_tools.models.Models.sentences`."""

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return [n, d] for n texts, each row of norm 1."""
        ...

    def __hash__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class LabelScore:
    """The similarity of a text and a label: the cosine, its lead over the usual cosine, and the tag's weight."""

    cosine: float
    lead: float
    weight: float


def sentences_of(text: str) -> list[str]:
    """Return the sentences of a text, in order."""
    return [part.strip() for part in _END_OF_SENTENCE.split(text) if part.strip()]


def scores(text: str, sentences: SentenceEncoder) -> dict[str, LabelScore]:
    """Return the score of every label, in the order of `LABELS`; empty for a text without a sentence."""
    parts = sentences_of(text)[:MAX_SENTENCES]
    if not parts:
        return {}
    labels, usual = _described(sentences)
    near = sentences.embed([text, *parts]) @ labels.T
    cosines = (near[0] + near[1:].mean(axis=0)) / 2
    leads = cosines - usual / 2
    return {
        tag: LabelScore(cosine, lead, _weight(tag, lead))
        for tag, cosine, lead in zip(LABELS, cosines.tolist(), leads.tolist(), strict=True)
    }


def tags_of(text: str, sentences: SentenceEncoder | None) -> dict[str, float]:
    """Return the best tag of each kind, and at most two more of at least half its weight.

    None without a model: counting keywords misleads more than it tells (docs/how-to/text.md).
    """
    scored = scores(text, sentences) if sentences is not None else {}
    tags: dict[str, float] = {}
    for kind in FLOOR:
        of_kind = [
            (tag, score.weight) for tag, score in scored.items() if tag.startswith(f"{kind}:") and score.weight
        ]
        best = sorted(of_kind, key=lambda tag_weight: -tag_weight[1])[:MAX_TAGS_PER_KIND]
        tags |= {tag: weight for tag, weight in best if weight >= MIN_RELATIVE_WEIGHT * best[0][1]}
    return tags


def _weight(tag: str, lead: float) -> float:
    return round(min(max((lead - FLOOR[tag.partition(":")[0]]) / SPAN, 0.0), 1.0), 3)


@lru_cache(maxsize=1)
def _described(sentences: SentenceEncoder) -> tuple[Floats, Floats]:
    """Return the embeddings of the descriptions [L, d], and the mean similarity of each to all others [L]."""
    labels = sentences.embed(list(LABELS.values()))
    near = labels @ labels.T
    return labels, (near.sum(axis=1) - np.diag(near)) / (len(near) - 1)
