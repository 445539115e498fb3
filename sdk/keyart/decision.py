"""A decision: which artwork was chosen, with what probability, and by which model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Decision:
    """The artwork that was chosen for a title, or that none may be shown.

    Attributes:
        id: Id of the decision.
        title_id: The title.
        artwork_id: The artwork. None if the age limits of the profile and of the context allow none of the title's;
            show a neutral title card then. None, too, for a title of a page that the catalogue does not have. Such a
            decision is not stored, and nothing is learned from it.
        propensity: Exact probability with which the artwork was drawn; 1.0 where none may be shown.
        exploring: True if another candidate had a higher value.
        model_version: Version of the bundle; 0 without one.
        sticky: True if the artwork of an earlier draw was kept.
    """

    id: str
    title_id: str
    artwork_id: str | None
    propensity: float
    exploring: bool
    model_version: int
    sticky: bool = False
