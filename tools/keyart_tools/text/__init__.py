"""What is said: tags from a title's synopsis, reviews, cast list and subtitles."""

from .cast import Cast, cast_in, read_cast
from .labels import LABELS
from .scenes import Said, Scene, said_at, scenes
from .subtitles import Line, Subtitles
from .title_tags import read_reviews, read_synopsis, tags_of_reviews, tags_of_synopsis, title_tags
from .zero_shot import Score, Sentences, scores

__all__ = [
    "LABELS",
    "Cast",
    "Line",
    "Said",
    "Scene",
    "Score",
    "Sentences",
    "Subtitles",
    "cast_in",
    "read_cast",
    "read_reviews",
    "read_synopsis",
    "said_at",
    "scenes",
    "scores",
    "tags_of_reviews",
    "tags_of_synopsis",
    "title_tags",
]
