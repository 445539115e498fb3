"""The checklist of a new server: what is done, what is to do, and what is in the way. Pure."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final, Literal

StepState = Literal["done", "to do", "in the way"]
COOKIE: Final = "keyart-first-steps"
DISMISSED: Final = "dismissed"


@dataclass(frozen=True, slots=True)
class FirstStep:
    """A step of the checklist.

    Attributes:
        title: what to do, in a few words.
        state: whether it is done, can be done now, or needs another step before it.
        sentence: what the step is for, or what it has to wait for.
        link: page where it is done; "" if there is nothing to open.
        button: label of the link.
        scope: scope that the step needs; operators see the list.
    """

    title: str
    state: StepState
    sentence: str
    link: str
    button: str
    scope: Literal["operate", "administer"] = "operate"


@dataclass(frozen=True, slots=True)
class ServerContents:
    """Contents of a server, as far as the checklist needs them.

    Attributes:
        catalog: whether it has a catalogue.
        released: whether a model is released to all devices.
        pending: version that is waiting or rolling out, or None.
        enrolled: number of enrolled devices.
        draft: id of a campaign that has not started, or "".
        started: number of campaigns that were started.
    """

    catalog: bool
    released: bool
    pending: int | None
    enrolled: int
    draft: str
    started: int


def first_steps(contents: ServerContents, scopes: Collection[str]) -> list[FirstStep]:
    """Return the checklist, or nothing once all of it is done.

    Args:
        contents: what the server holds.
        scopes: scopes of the reader; a step that needs another one has no button.
    """
    steps = [_catalog(contents), _bundle(contents), _device(contents), _campaign(contents)]
    if all(step.state == "done" for step in steps):
        return []
    return [step if step.scope in scopes else _without_button(step) for step in steps]


def _without_button(step: FirstStep) -> FirstStep:
    sentence = step.sentence if step.state == "done" else f"{step.sentence} An administrator can do this."
    return FirstStep(step.title, step.state, sentence, "", "", step.scope)


def _catalog(contents: ServerContents) -> FirstStep:
    title, link = "Upload the catalogue", "/catalog"
    if contents.catalog:
        return FirstStep(title, "done", "The server knows the titles and artworks of the app.", link, "Open")
    sentence = "Campaigns need to know the titles and artworks that the app can show."
    return FirstStep(title, "to do", sentence, link, "Upload the catalogue")


def _bundle(contents: ServerContents) -> FirstStep:
    title = "Publish the first bundle"
    if contents.released:
        return FirstStep(title, "done", "Devices can install a model.", "/releases", "Open")
    if contents.pending is not None:
        sentence = f"Model {contents.pending} is not released to all devices yet; its page says what it waits for."
        return FirstStep(
            title, "in the way", sentence, f"/releases/{contents.pending}", f"Open model {contents.pending}"
        )
    sentence = "Devices install a signed bundle, and the first round of training starts from its model."
    return FirstStep(title, "to do", sentence, "/releases/new", "Upload a bundle")


def _device(contents: ServerContents) -> FirstStep:
    title, link = "Enrol the first device", "/fleet/enrolment"
    if contents.enrolled:
        sentence = (
            "1 device is enrolled." if contents.enrolled == 1 else f"{contents.enrolled:,} devices are enrolled."
        )
        return FirstStep(title, "done", sentence, "/fleet", "Open", "administer")
    sentence = "A device takes part in rounds once it has a certificate, which it gets for a one-use voucher."
    return FirstStep(title, "to do", sentence, link, "Enrol devices", "administer")


def _campaign(contents: ServerContents) -> FirstStep:
    title = "Start the first campaign"
    if contents.started:
        return FirstStep(title, "done", "The first campaign was started.", "/campaigns", "Open")
    missing = [name for name, there in (("a catalogue", contents.catalog), ("a released model", contents.released),
                                        ("a device", contents.enrolled)) if not there]  # fmt: skip
    if contents.draft:
        link, button, sentence = f"/campaigns/{contents.draft}", "Open the draft", "A draft exists; start it."
    else:
        link, button = "/campaigns/new", "Create a campaign"
        sentence = (
            "A campaign asks the fleet for one thing: a better model, a statistic, an experiment or an evaluation."
        )
    if missing:
        listed = missing[0] if len(missing) == 1 else f"{', '.join(missing[:-1])} and {missing[-1]}"
        return FirstStep(title, "in the way", f"Its rounds cannot begin before there is {listed}.", link, button)
    return FirstStep(title, "to do", sentence, link, button)
