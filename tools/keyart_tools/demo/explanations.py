"""Explanations of a decision in at most three sentences for viewers."""

from __future__ import annotations

from keyart import Explanation

MAX_SENTENCES = 3
MIN_CONTRIBUTION_SHARE = 0.08  # of all that speaks for the picture; what is less is not worth a sentence


def sentences(explanation: Explanation, varied: bool) -> tuple[str, ...]:
    """Return the strongest reasons for the artwork.

    `varied` tells that page diversity decided between close artworks.
    """
    notes = [factor.text for factor in explanation.factors if factor.contribution == 0.0]
    if varied:
        notes.append("The page shows pictures like the next best one already.")
    positive = [factor for factor in explanation.factors if factor.contribution > 0.0]
    total = sum(factor.contribution for factor in positive)
    texts = [factor.text for factor in positive if factor.contribution >= MIN_CONTRIBUTION_SHARE * total]
    return tuple(dict.fromkeys([*notes, *texts]))[:MAX_SENTENCES]
