"""Tags from texts: a title's synopsis, reviews, cast list and subtitles."""

from .cast import Cast, cast_in, read_cast
from .labels import LABELS
from .scenes import DialogueScene, SpokenText, said_at, scenes
from .subtitles import SubtitleLine, Subtitles
from .title_tags import read_reviews, read_synopsis, tags_of_reviews, title_tags
from .zero_shot import LabelScore, SentenceEncoder, scores, tags_of

__all__ = [
    "LABELS",
    "Cast",
    "DialogueScene",
    "LabelScore",
    "SentenceEncoder",
    "SpokenText",
    "SubtitleLine",
    "Subtitles",
    "cast_in",
    "read_cast",
    "read_reviews",
    "read_synopsis",
    "said_at",
    "scenes",
    "scores",
    "tags_of",
    "tags_of_reviews",
    "title_tags",
]
