"""Sentence embeddings: all-MiniLM-L6-v2 with int8 weights."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np

from .picture_types import Floats
from .session import Session

TOKENIZER = "tokenizer.json"
TOKENS = 256  # of one text; what follows is not read
_BATCH, _WIDTH = 8, 384


class SentenceReader:
    """Embeds texts."""

    def __init__(self, session: Session) -> None:
        self._session = session

    @cached_property
    def _tokenizer(self) -> Any:
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(self._session.home / TOKENIZER))
        tokenizer.enable_truncation(TOKENS)
        tokenizer.enable_padding()
        return tokenizer

    def embed(self, texts: Sequence[str]) -> Floats:
        """Return [n, 384], each row of norm 1: the mean over a text's tokens."""
        embedded = np.zeros((len(texts), _WIDTH), dtype=np.float32)
        by_length = sorted(range(len(texts)), key=lambda n: len(texts[n]))  # alike in length: little padding
        for start in range(0, len(by_length), _BATCH):
            chosen = by_length[start : start + _BATCH]
            encoded = self._tokenizer.encode_batch([texts[n] for n in chosen])
            ids = np.array([entry.ids for entry in encoded], dtype=np.int64)
            mask = np.array([entry.attention_mask for entry in encoded], dtype=np.int64)
            (hidden,) = self._session.run(
                {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
            )
            summed = (hidden * mask[..., None]).sum(axis=1)
            embedded[chosen] = summed / np.maximum(np.linalg.norm(summed, axis=1, keepdims=True), 1e-12)
        return embedded
