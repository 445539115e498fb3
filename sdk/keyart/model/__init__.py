"""The model on the device: from a catalogue, a history and a context to a probability for each artwork.

It scores candidates, decides what may be shown, draws, learns from outcomes and explains. It is pure: no I/O, no
clock, and random numbers are passed in. It may use the catalogue, context, history and linear algebra of `keyart`,
and no other package. Import names from here; each brings its module on first use.

    features/     the catalogue, a viewer and a context as numbers
    ranker/       the global model, on onnxruntime or numpy
    scorer        the one module that adds logits
    eligibility   the one module that knows which artworks may be shown
    policy        from values to probabilities, and a draw
    candidates    the artworks of titles as one viewer is to see them now
    page          variety across a page
    head, artwork_bias, latents, stated_preferences    parts of the logit beside the ranker
    explain, transparency    why an artwork was chosen, and what decides in general
    loaded_model  what a device chooses with
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .artwork_bias import update_artwork_bias
    from .candidates import CandidateChances, CandidateSets
    from .eligibility import NO_AGE_LIMIT, AgeLimit, age_limits, eligible
    from .explain import Explanation, Factor
    from .features.encode import EncodedCatalog, is_misleading
    from .features.rows import (
        FeatureRows,
        intent_match,
        interaction_features,
        main_effects,
        slot_and_trending,
        trending_appeal,
    )
    from .features.spec import MATCHES_PER_KIND, SENSITIVE_KINDS, FeatureSpec
    from .features.viewer import ViewerFeatures, affinities, sharpen_affinity, tally_titles, views_by_title
    from .head import Head, HeadPrior, refit_head, update_head
    from .latents import (
        IMPRESSION_WEIGHT,
        LATENTS,
        PLAY_WEIGHT,
        PRIOR_EXPOSURE,
        Latents,
        TitleExposure,
        quantize_latents,
    )
    from .loaded_model import LoadedModel
    from .policy import Policy, distribution, draw_candidates
    from .ranker.engine import Ranker, load_ranker
    from .ranker.numpy_engine import NumpyRanker
    from .ranker.weights import (
        MAX_STORED_WEIGHT,
        Weights,
        parameter_count,
        quantize_weights,
        stored_arrays,
        stored_layout,
        weight_shapes,
        weights_from_bytes,
        weights_to_bytes,
    )
    from .scorer import NO_ADDITIONS, DecisionLog, LogitAdditions, Scores, learned_play, score, sigmoid
    from .transparency import Description, Parameter

__all__ = [
    "IMPRESSION_WEIGHT",
    "LATENTS",
    "MATCHES_PER_KIND",
    "MAX_STORED_WEIGHT",
    "NO_ADDITIONS",
    "NO_AGE_LIMIT",
    "PLAY_WEIGHT",
    "PRIOR_EXPOSURE",
    "SENSITIVE_KINDS",
    "AgeLimit",
    "CandidateChances",
    "CandidateSets",
    "DecisionLog",
    "Description",
    "EncodedCatalog",
    "Explanation",
    "Factor",
    "FeatureRows",
    "FeatureSpec",
    "Head",
    "HeadPrior",
    "Latents",
    "LoadedModel",
    "LogitAdditions",
    "NumpyRanker",
    "Parameter",
    "Policy",
    "Ranker",
    "Scores",
    "TitleExposure",
    "ViewerFeatures",
    "Weights",
    "affinities",
    "age_limits",
    "distribution",
    "draw_candidates",
    "eligible",
    "intent_match",
    "interaction_features",
    "is_misleading",
    "learned_play",
    "load_ranker",
    "main_effects",
    "parameter_count",
    "quantize_latents",
    "quantize_weights",
    "refit_head",
    "score",
    "sharpen_affinity",
    "sigmoid",
    "slot_and_trending",
    "stored_arrays",
    "stored_layout",
    "tally_titles",
    "trending_appeal",
    "update_artwork_bias",
    "update_head",
    "views_by_title",
    "weight_shapes",
    "weights_from_bytes",
    "weights_to_bytes",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "artwork_bias": "update_artwork_bias",
        "candidates": "CandidateChances CandidateSets",
        "eligibility": "NO_AGE_LIMIT AgeLimit age_limits eligible",
        "explain": "Explanation Factor",
        "features.encode": "EncodedCatalog is_misleading",
        "features.rows": (
            "FeatureRows intent_match interaction_features main_effects slot_and_trending trending_appeal"
        ),
        "features.spec": "MATCHES_PER_KIND SENSITIVE_KINDS FeatureSpec",
        "features.viewer": "ViewerFeatures affinities sharpen_affinity tally_titles views_by_title",
        "head": "Head HeadPrior refit_head update_head",
        "latents": ("IMPRESSION_WEIGHT LATENTS PLAY_WEIGHT PRIOR_EXPOSURE Latents TitleExposure quantize_latents"),
        "loaded_model": "LoadedModel",
        "policy": "Policy distribution draw_candidates",
        "ranker.engine": "Ranker load_ranker",
        "ranker.numpy_engine": "NumpyRanker",
        "ranker.weights": (
            "MAX_STORED_WEIGHT Weights parameter_count quantize_weights stored_arrays stored_layout "
            "weight_shapes weights_from_bytes weights_to_bytes"
        ),
        "scorer": "NO_ADDITIONS DecisionLog LogitAdditions Scores learned_play score sigmoid",
        "transparency": "Description Parameter",
    },
)
