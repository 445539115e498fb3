"""Scenes of dialogue: subtitles between silences. A still is tagged with the dialogue of its scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from .cast import Cast, cast_in
from .subtitles import SubtitleLine, Subtitles
from .zero_shot import SentenceEncoder, tags_of

SILENCE_SECONDS = 8.0  # seconds without a word that part two scenes
MAX_SCENE_SECONDS = 120.0  # seconds; a longer one is goes on as another
NEAR_SECONDS = 4.0  # seconds before and after a still whose words are its own


@dataclass(frozen=True, slots=True)
class DialogueScene:
    """A scene; `start` and `end` are the times of the first and last word, in seconds."""

    start: float
    end: float
    text: str
    tags: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SpokenText:
    """The words near a moment, possibly none, and the tags of the scene that contains it."""

    text: str
    tags: dict[str, float]


def scenes(
    subtitles: Subtitles, sentences: SentenceEncoder | None = None, cast: Cast | None = None
) -> tuple[DialogueScene, ...]:
    """Return the scenes in order. Genre, mood and theme tags require a model, `cast:` tags only a cast list."""
    return tuple(
        replace(scene, tags=_tags(scene.text, sentences, cast)) for scene in map(_scene, _parted(subtitles.lines))
    )


def said_at(
    subtitles: Subtitles, at: float, sentences: SentenceEncoder | None = None, cast: Cast | None = None
) -> SpokenText | None:
    """Return the dialogue around `at` (seconds) with the tags of its scene.

    The result is None between scenes, beyond `NEAR_SECONDS` of each.
    """
    scene = min(map(_scene, _parted(subtitles.lines)), key=lambda scene: max(scene.start - at, at - scene.end, 0.0))
    if not scene.start - NEAR_SECONDS <= at <= scene.end + NEAR_SECONDS:
        return None
    near = " ".join(
        line.text for line in subtitles.lines if line.start - NEAR_SECONDS <= at <= line.end + NEAR_SECONDS
    )
    return SpokenText(near, _tags(scene.text, sentences, cast))


def _tags(text: str, sentences: SentenceEncoder | None, cast: Cast | None) -> dict[str, float]:
    return tags_of(text, sentences) | cast_in(text, cast or {})


def _scene(lines: Sequence[SubtitleLine]) -> DialogueScene:
    return DialogueScene(lines[0].start, max(line.end for line in lines), " ".join(line.text for line in lines))


def _parted(lines: Sequence[SubtitleLine]) -> Iterator[Sequence[SubtitleLine]]:
    """Split lines, ordered by start, at long silences and where a scene is long enough."""
    first, last_end = 0, lines[0].end  # last_end: until when somebody has spoken
    for place, line in enumerate(lines):
        if line.start - last_end >= SILENCE_SECONDS or line.end - lines[first].start > MAX_SCENE_SECONDS:
            if place > first:
                yield lines[first:place]
            first = place
        last_end = max(last_end, line.end)
    yield lines[first:]
