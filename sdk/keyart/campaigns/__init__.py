"""The device's half of campaigns. Only an integer vector for one round of one campaign may leave a device.

It may use `keyart.model`, `keyart.profile`, `keyart.store`, `keyart.secagg`, `keyart.dp` and the modules below them.
Import names from here; each brings its module on first use.

    participation judges a server's messages, answers, and stores each step before an answer leaves
    offer         a round of a campaign, signed by the server
    limits        what a device demands of a campaign
    budget        the privacy loss of a person over all rounds
    enrolment     the device's key and its certificate
    kinds/        the vector of each kind of campaign, a module each, and their registry
    vectors       what all kinds share: where the numbers come from, and how they become noised integers
    device_batch  the inputs of vectors that are computed for many devices at once
    vector_layout the named parts of a vector
    compact_vectors  vectors of many devices without most of their zeros
    round_state   a round in progress, between two messages
    receipts      the log of what left the device
    spent_counter what the host's key store knows of it, so that an older copy of the file is noticed

`keyart.dp` clips and adds noise, and `keyart.secagg` masks, so that a server learns the sum alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from .. import _lazy_exports

if TYPE_CHECKING:
    from .budget import HONEST_FRACTION, MAX_ORDER, ORDERS, Budget, Charge, divergences_at_orders, skellam_divergences
    from .compact_vectors import CompactVectors
    from .device_batch import DeviceBatch
    from .kinds import KINDS, find_kind
    from .kinds.cowatch import (
        COWATCH_PART_SCALES,
        COWATCH_PART_SHARES,
        COWATCH_TOPIC,
        MAX_COUNTED_VIEWS,
        CowatchLayout,
        cowatch_vectors,
    )
    from .kinds.engagement import DAY_SECONDS, MAX_BROWSE_MINUTES, METRICS, Engagement, dissimilarity
    from .kinds.evaluation import (
        EVALUATION_PART_MAXIMA,
        EVALUATION_PART_NORM,
        MAX_IMPORTANCE_WEIGHT,
        EvaluationLayout,
    )
    from .kinds.experiment import (
        DEVICES_SHARE,
        ExperimentRequest,
        MetricRequest,
        arm_of,
        experiment_vectors,
        is_valid_group,
    )
    from .kinds.gradient import direction_features, gradient_sums
    from .kinds.population import POPULATION_PART_SCALES, PopulationLayout, population_part_norm, population_vectors
    from .kinds.segments import SegmentLayout
    from .kinds.training import (
        MAX_CURVATURE_RATIO,
        MOMENTS_NORM,
        MOMENTS_SIZE,
        SIDE_NORM,
        LatentBlocks,
        TrainingLayout,
        training_main_norm,
        training_vectors,
    )
    from .kinds.trending import TRENDING_BUCKET_SECONDS, TRENDING_BUCKETS, TrendingLayout
    from .limits import Limits, ParticipationHistory
    from .offer import MAX_ARMS, MAX_EPSILON, MAX_TEXT_CHARACTERS, OFFER_MAGIC, Offer
    from .receipts import Contribution
    from .round_state import RoundProgress
    from .vector_layout import VectorLayout
    from .vectors import DeviceKind, VectorSource

__all__ = [
    "COWATCH_PART_SCALES",
    "COWATCH_PART_SHARES",
    "COWATCH_TOPIC",
    "DAY_SECONDS",
    "DEVICES_SHARE",
    "EVALUATION_PART_MAXIMA",
    "EVALUATION_PART_NORM",
    "HONEST_FRACTION",
    "KINDS",
    "MAX_ARMS",
    "MAX_BROWSE_MINUTES",
    "MAX_COUNTED_VIEWS",
    "MAX_CURVATURE_RATIO",
    "MAX_EPSILON",
    "MAX_IMPORTANCE_WEIGHT",
    "MAX_ORDER",
    "MAX_TEXT_CHARACTERS",
    "METRICS",
    "MOMENTS_NORM",
    "MOMENTS_SIZE",
    "OFFER_MAGIC",
    "ORDERS",
    "POPULATION_PART_SCALES",
    "SIDE_NORM",
    "TRENDING_BUCKETS",
    "TRENDING_BUCKET_SECONDS",
    "Budget",
    "Charge",
    "CompactVectors",
    "Contribution",
    "CowatchLayout",
    "DeviceBatch",
    "DeviceKind",
    "Engagement",
    "EvaluationLayout",
    "ExperimentRequest",
    "LatentBlocks",
    "Limits",
    "MetricRequest",
    "Offer",
    "ParticipationHistory",
    "PopulationLayout",
    "RoundProgress",
    "SegmentLayout",
    "TrainingLayout",
    "TrendingLayout",
    "VectorLayout",
    "VectorSource",
    "arm_of",
    "cowatch_vectors",
    "direction_features",
    "dissimilarity",
    "divergences_at_orders",
    "experiment_vectors",
    "find_kind",
    "gradient_sums",
    "is_valid_group",
    "population_part_norm",
    "population_vectors",
    "skellam_divergences",
    "training_main_norm",
    "training_vectors",
]

__getattr__ = _lazy_exports(
    __name__,
    {
        "budget": "HONEST_FRACTION MAX_ORDER ORDERS Budget Charge divergences_at_orders skellam_divergences",
        "compact_vectors": "CompactVectors",
        "device_batch": "DeviceBatch",
        "kinds": "KINDS find_kind",
        "kinds.cowatch": (
            "COWATCH_PART_SCALES COWATCH_PART_SHARES COWATCH_TOPIC MAX_COUNTED_VIEWS CowatchLayout cowatch_vectors"
        ),
        "kinds.engagement": "DAY_SECONDS MAX_BROWSE_MINUTES METRICS Engagement dissimilarity",
        "kinds.evaluation": "EVALUATION_PART_MAXIMA EVALUATION_PART_NORM MAX_IMPORTANCE_WEIGHT EvaluationLayout",
        "kinds.experiment": "DEVICES_SHARE ExperimentRequest MetricRequest arm_of experiment_vectors is_valid_group",
        "kinds.gradient": "direction_features gradient_sums",
        "kinds.population": "POPULATION_PART_SCALES PopulationLayout population_part_norm population_vectors",
        "kinds.segments": "SegmentLayout",
        "kinds.training": (
            "MAX_CURVATURE_RATIO MOMENTS_NORM MOMENTS_SIZE SIDE_NORM LatentBlocks TrainingLayout "
            "training_main_norm training_vectors"
        ),
        "kinds.trending": "TRENDING_BUCKETS TRENDING_BUCKET_SECONDS TrendingLayout",
        "limits": "Limits ParticipationHistory",
        "offer": "MAX_ARMS MAX_EPSILON MAX_TEXT_CHARACTERS OFFER_MAGIC Offer",
        "receipts": "Contribution",
        "round_state": "RoundProgress",
        "vector_layout": "VectorLayout",
        "vectors": "DeviceKind VectorSource",
    },
)
