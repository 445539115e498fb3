"""Tags of a title from its synopsis, reviews and cast list."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from keyart.catalog import is_text
from keyart.errors import InputError

from .cast import Cast, cast_in
from .folding import slug
from .text_files import parse_json, read_text
from .zero_shot import SentenceEncoder, tags_of

MIN_REVIEWS = 2  # that must say a thing before it counts
MIN_REVIEW_SHARE = 0.25  # the same as a share of all of them
LISTED = 0.5  # weight of somebody who is in the cast list and whom no text names


def tags_of_reviews(texts: Sequence[str], sentences: SentenceEncoder | None) -> dict[str, float]:
    """Return the tags that a quarter of the reviews, and at least two, agree on.

    The weight of a tag is its mean over all reviews.
    """
    weights_by_tag: dict[str, list[float]] = defaultdict(list)
    for text in texts:
        for tag, weight in tags_of(text, sentences).items():
            weights_by_tag[tag].append(weight)
    needed = max(MIN_REVIEWS, MIN_REVIEW_SHARE * len(texts))
    return {
        tag: round(sum(weights) / len(texts), 3) for tag, weights in weights_by_tag.items() if len(weights) >= needed
    }


def title_tags(
    synopsis: str | None, reviews: Sequence[str], cast: Cast | None, sentences: SentenceEncoder | None
) -> dict[str, float]:
    """Return the tags of all texts together.

    If synopsis and reviews both give a tag, the larger weight counts. Everybody in the cast list is tagged, with a
    larger weight if the synopsis names them or their character.
    """
    tags = tags_of_reviews(reviews, sentences)
    for tag, weight in tags_of(synopsis or "", sentences).items():
        tags[tag] = max(weight, tags.get(tag, 0.0))
    return tags | {f"cast:{slug(actor)}": LISTED for actor in cast or {}} | cast_in(synopsis or "", cast or {})


def read_synopsis(text_or_path: str) -> str:
    """Return the text itself, or the text of the file of that name.

    Raises:
        InputError: the text is empty, or the file cannot be read.
    """
    if text_or_path.strip() and "\n" not in text_or_path:
        try:
            there = Path(text_or_path).exists()
        except (OSError, ValueError):  # longer than any file's name, or no name at all
            there = False
        if there or (" " not in text_or_path.strip() and Path(text_or_path).suffix):
            return _not_empty(read_text(Path(text_or_path), "synopsis"), text_or_path)
    return _not_empty(text_or_path, "--synopsis")


def read_reviews(path: Path) -> tuple[str, ...]:
    """Read a JSON list of texts, or plain text with reviews separated by empty lines, or else by lines.

    Raises:
        InputError: the file cannot be read.
    """
    text = _not_empty(read_text(path, "list of reviews"), path)
    if text.lstrip().startswith("["):
        reviews = parse_json(text, path, "list of reviews")
        if not all(review == "" or is_text(review) for review in reviews):
            raise InputError(f"{path} is not a list of reviews: each must be a text.")
    else:
        reviews = text.strip().split("\n\n" if "\n\n" in text.strip() else "\n")
    return tuple(review.strip() for review in reviews if review.strip())


def _not_empty(text: str, where: object) -> str:
    if not text.strip():
        raise InputError(f"{where} holds no text.")
    return text.strip()
