"""Steps that ask before they are taken: what each will do, and whether it needs a reason. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ..campaigns import Campaign
from ..releases.release import Release
from .formatting import percent, reason_text


@dataclass(frozen=True, slots=True)
class Confirmation:
    """A page that asks before a step.

    Attributes:
        heading: the question.
        consequences: sentences about what the step does.
        button: label of the button that takes it.
        action: address that takes it.
        back: address and label of the page that it was asked on.
        asks_reason: whether a reason can be given.
        reason_required: whether the step is refused without one.
        dangerous: whether it takes something away.
    """

    heading: str
    consequences: tuple[str, ...]
    button: str
    action: str
    back: tuple[str, str]
    asks_reason: bool = True
    reason_required: bool = False
    dangerous: bool = True


def stop_campaign(campaign: Campaign) -> Confirmation:
    """Return the page that asks before a campaign is stopped."""
    return Confirmation(
        f"Stop {campaign.name}?",
        (
            "No further round is started, and an active round ends without a result. The campaign cannot be started "
            "again; a clone can.",
            "Its results and its releases stay. The ε that it has spent stays spent.",
        ),
        "Stop the campaign",
        f"/campaigns/{campaign.id}/stop",
        (f"/campaigns/{campaign.id}", campaign.name),
    )


def delete_draft(campaign: Campaign) -> Confirmation:
    """Return the page that asks before a draft is deleted."""
    return Confirmation(
        f"Delete the draft {campaign.name}?",
        ("Its settings are gone. No round was started, so there is no result to lose.",),
        "Delete the draft",
        f"/campaigns/{campaign.id}/delete",
        (f"/campaigns/{campaign.id}", campaign.name),
        asks_reason=False,
    )


def promote_release(release: Release) -> Confirmation:
    """Return the page that asks before a release is promoted."""
    version, share = release.version, release.next_share or 1.0
    if share < 1:
        sentence = f"{percent(share)} of devices are offered it next; after that the roll-out plan continues."
    else:
        sentence = (
            "All devices are offered it, and no device is left to compare with. Only a withdrawal can undo that."
        )
    why = (f"It is {release.standing}: {reason_text(release.reason)}",) if release.reason else ()
    return Confirmation(
        f"Promote model {version} to {percent(share)} of devices?",
        (sentence, *why),
        f"Promote to {percent(share)}",
        f"/releases/{version}/promote",
        (f"/releases/{version}", f"Model {version}"),
        reason_required=share >= 1,
        dangerous=False,
    )


def withdraw_release(release: Release, ending: Sequence[int]) -> Confirmation:
    """Return the page that asks before a release is withdrawn; `ending` are the versions that end with it."""
    if release.published:
        consequence = (
            "Devices that have it get the newest other weights, which are published under a new version number, to "
            "all devices at once. A device runs them after its next visit."
        )
    else:
        consequence = "No device has this model, and none will get it."
    others = ", ".join(map(str, sorted(ending)))
    also = (f"Withdrawn with it, since they have its weights or were trained from them: {others}.",) if ending else ()
    return Confirmation(
        f"Withdraw model {release.version}?",
        (consequence, *also, "A withdrawn model never comes back."),
        "Withdraw the model",
        f"/releases/{release.version}/withdraw",
        (f"/releases/{release.version}", f"Model {release.version}"),
    )
