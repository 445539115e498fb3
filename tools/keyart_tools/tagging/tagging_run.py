"""Tagging of a film into a folder of stills and a catalogue, in stages that continue an earlier run.

A run decodes the film (shots and stills), measures the stills, and selects. After each stage, and every few seconds
within one, tagging.json is written atomically.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import cv2
import numpy as np

from keyart.bundle import replace_file
from keyart.catalog import Artwork, Title
from keyart.errors import CatalogError, InputError
from keyart_tools.models import Models

from .catalogue import write_catalogue
from .colour import colours
from .contact_sheet import write_sheet
from .corrections import apply_corrections
from .film import FilmFile
from .film_texts import FilmTexts, add_texts
from .judgement import judge, quality, traits
from .measure import check, measure, read_picture
from .selection import Objective, select
from .shots import FrameSample, ShotSegment, shot_segments
from .similarity import cosines
from .still import Still
from .tagging_file import NAME, Tagging

STILLS = "stills"
JPEG_QUALITY = 90
SAVE_SECONDS = 5.0  # seconds

Stage = Callable[[str], AbstractContextManager[Callable[[int, int], None]]]


@contextmanager
def silent(label: str) -> Iterator[Callable[[int, int], None]]:
    """Show no progress bar."""
    yield lambda done, of: None


def tag(
    film: FilmFile | None,
    folder: Path,
    models: Models,
    *,
    count: int | None = None,
    title_id: str | None = None,
    name: str | None = None,
    licence: str | None = None,
    words: FilmTexts | None = None,
    corrections: Path | None = None,
    html: bool = False,
    stage: Stage = silent,
    clock: Callable[[], float] = time.monotonic,
) -> Tagging:
    """Write stills, tagging.json, catalog.json and, if asked for, sheet.html to `folder`; continue an earlier run.

    Args:
        film: the film; None for that of an earlier run that decoded all of it.
        folder: output folder.
        models: models to use.
        count: stills to select; None for the earlier number, or 20.
        title_id: id of the title; None for the earlier one, or the film's file name.
        name: name of the title; None likewise.
        licence: licence of the film; None for the earlier one, or none.
        words: texts about the film; None for none.
        corrections: file of corrections to apply.
        html: whether to write the contact sheet.
        stage: creates a progress bar.
        clock: returns a time in seconds.

    Raises:
        InputError: the film or the folder cannot be used.
        CatalogError: no still can be used, or an earlier run is damaged or incomplete.
        OSError: a file cannot be written.
    """
    tagging = Tagging.load(folder) if film is None else resume(film, folder)
    if film is None and not tagging.finished:
        raise CatalogError(f"The run in {folder} did not see the whole film; go on by tagging {tagging.film.path}.")
    tagging = replace(
        tagging,
        title_id=title_id if title_id is not None else tagging.title_id,
        name=name if name is not None else tagging.name,
        licence=licence if licence is not None else tagging.licence,
        count=count if count is not None else tagging.count,
    )
    # A title that no catalogue can hold fails now, and not after the film was decoded.
    Title(tagging.title_id, tagging.name, artworks=[Artwork("a")])
    if corrections is not None:
        tagging = apply_corrections(tagging, corrections)
    run = TaggingRun(folder, tagging, models, stage, clock)
    try:
        run.see()
        run.look()
        if words is not None:
            run.tagging = add_texts(run.tagging, words, models.sentences)
        run.choose()
        if html:
            write_sheet(folder, run.tagging)
        if run.tagging.selected:
            write_catalogue(folder, run.tagging)
    finally:  # where a write has failed, or somebody has stopped it
        for partial in (*folder.glob("*.partial"), *(folder / STILLS).glob("*.partial")):
            partial.unlink()
    if not run.tagging.selected:
        raise CatalogError(
            f"No still of {run.tagging.film.path} can be used: {_reasons(run.tagging)}. Take a longer or lighter "
            "film, or make a sheet with --html and accept stills there."
        )
    return run.tagging


def _reasons(tagging: Tagging) -> str:
    refused = Counter(still.refused for still in tagging.stills).most_common()
    return ", ".join(f"{count} {reason}" for reason, count in refused) or "no shot lasts half a second"


def resume(film: FilmFile, folder: Path) -> Tagging:
    """Return the state that an earlier run on the same film left in `folder`; a changed film starts anew.

    Raises:
        InputError: the folder holds other files, or corrections that would be lost.
    """
    if (folder / NAME).exists():
        earlier = Tagging.load(folder)
        if film.same_as(earlier.film):
            return replace(earlier, film=film)
        if any(still.by_hand or still.tags_by_hand for still in earlier.stills):
            raise InputError(
                f"{film.path} has changed since {folder} was corrected by hand; give another folder with --out."
            )
        for still in earlier.stills:
            (folder / STILLS / Path(still.image).name).unlink(missing_ok=True)
    elif folder.exists() and not folder.is_dir():
        raise InputError(f"{folder} is a file; give a folder with --out.")
    elif folder.exists() and any(path.name != f".{NAME}.partial" for path in folder.iterdir()):
        raise InputError(f"{folder} is not empty, and not from keyart tag; give another folder with --out.")
    return Tagging(film, title_id=film.path.stem or film.path.name, name=film.path.stem)


@dataclass
class TaggingRun:
    """A run on a folder; `tagging` is its current state."""

    folder: Path
    tagging: Tagging
    models: Models
    stage: Stage
    clock: Callable[[], float]

    def see(self) -> None:
        """Decode the film, and write the sharpest picture of each segment."""
        if self.tagging.finished:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        self.tagging.save(self.folder)  # first of all, so that the folder is known for ours whenever a run is stopped
        (self.folder / STILLS).mkdir(exist_ok=True)
        film, stills = self.tagging.film, {still.id: still for still in self.tagging.stills}
        saved = self.clock()
        with self.stage("frames") as tell:
            for stretch in shot_segments(film, self.tagging.seen, lambda seen: tell(seen, max(seen, film.frames))):
                if stretch.still is not None:
                    still = self._write(stretch, stretch.still)
                    stills[still.id] = still
                self.tagging = replace(self.tagging, seen=replace(stretch, still=None))
                if self.clock() - saved >= SAVE_SECONDS:
                    self._save(stills)
                    saved = self.clock()
        self.tagging = replace(self.tagging, finished=True)
        self._save(stills)

    def look(self) -> None:
        """Measure the stills with the available models."""
        pictures = {name: licence for name, licence in self.models.licences.items() if name != "sentences"}
        if set(pictures) - set(self.tagging.models):  # a model has come: what was seen without it is seen again
            anew = tuple(replace(still, embedding=None) for still in self.tagging.stills)
            self.tagging = replace(self.tagging, models=pictures, stills=anew)
        self._each("stills measured", lambda still: still.embedding is None, measure)

    def choose(self) -> None:
        """Select the stills: as many as asked for, or all that a person has accepted if those are more.

        Only stills that would be selected are checked, since a check takes longer than all other measures; refused
        ones are replaced and the selection repeats.
        """
        while True:
            stills = judge(self.tagging.stills)
            ranks = {still.id: rank for rank, still in enumerate(_selection(stills, self.tagging.count), 1)}
            chosen = tuple(replace(still, selected=ranks.get(still.id)) for still in stills)
            self.tagging = replace(self.tagging, stills=chosen)
            if all(still.checked for still in self.tagging.selected):
                break
            self._each("stills checked", lambda still: still.selected is not None and not still.checked, check)
        self._save()

    def _each(self, label: str, which: Callable[[Still], bool], seen: Callable[..., Still]) -> None:
        stills = {still.id: still for still in self.tagging.stills}
        todo = [still for still in stills.values() if which(still)]
        saved = self.clock()
        with self.stage(label) as tell:
            for done, still in enumerate(todo, 1):
                picture = read_picture(self.folder / still.image, max(still.width, still.height))
                stills[still.id] = seen(still, picture, self.models)
                tell(done, len(todo))
                if self.clock() - saved >= SAVE_SECONDS:
                    self._save(stills)
                    saved = self.clock()
        if todo:
            self._save(stills)

    def _save(self, stills: Mapping[str, Still] | None = None) -> None:
        if stills is not None:
            self.tagging = replace(self.tagging, stills=tuple(stills.values()))
        self.tagging.save(self.folder)

    def _write(self, stretch: ShotSegment, sample: FrameSample) -> Still:
        picture = sample.picture
        name = f"{stretch.shot:04d}" + (f"-{stretch.part + 1}" if stretch.part else "")
        image = f"{STILLS}/{name}.jpg"
        _, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        replace_file(self.folder / image, data.tobytes())
        return Still(
            id=name,
            shot=stretch.shot,
            at=round(sample.at, 3),
            frame=sample.frame,
            image=image,
            width=picture.shape[1],
            height=picture.shape[0],
            sharpness=round(sample.sharpness, 1),
            motion=round(stretch.motion, 5),
            colours=colours(picture),
        )


def _selection(stills: Sequence[Still], count: int) -> list[Still]:
    accepted = [still for still in stills if still.accepted]
    if not accepted:
        return []
    cosine = cosines(np.array([still.embedding for still in accepted]))
    weight, worth = traits(accepted)
    objective = Objective(cosine, weight, worth, np.array([quality(still) for still in accepted]), count)
    by_hand = [place for place, still in enumerate(accepted) if still.by_hand]
    return [accepted[place] for place in select(objective, by_hand)]
