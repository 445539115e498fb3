"""Releases on their way: judged, published, widened, held, and brought back.

Publishing is three steps, so that no kill leaves a model with devices of which the audit log knows nothing: the
intent (rolling, share 0) with its row in the audit log; the signed files; the first share. `settle` takes up what was
left between them. Going back is publishing forward: `withdraw` gives the old weights a new number.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy.orm import Session

from keyart.bundle import Manifest
from keyart.bundle.folder import read_files
from keyart.bundle.manifest import MANIFEST_NAME
from keyart.errors import BundleError, BundleRefused, InputError, SettingError
from keyart_federated.campaigns.rollout_plan import AT_ONCE, Plan
from keyart_federated.campaigns.segments import Estimate

from ..bundles.shelf import check
from ..service import Service
from . import archive, gates, records
from .gate import Gate, compared, worst
from .release import Action, Release

log = logging.getLogger("keyart.server")
QUALITY: Final = "quality"
TAKE_RATE: Final = "take rate"
# A data folder belongs to one process; inside it one release moves at a time.
_turn = threading.RLock()


def examine(service: Service, version: int, actor: str = "server") -> Release:
    """Puts a candidate through the gates that need no device: it is refused, or stays one. Raises InputError."""
    with service.state.reading() as session:
        release = _there(session, version)
        files = records.files(session, version)
    base = None if release.base is None else service.shelf.manifest(release.base)
    if archive.origin(manifest := Manifest.parse(files[MANIFEST_NAME])) != manifest.model_version:
        base = None  # a way back differs from what it replaces, and that is what it is for
    with laid_out(files) as folder:
        found = gates.of_bundle(folder, base)
    if worst(found) == "failed":
        return _move(service, actor, version, "refuse", reason=_said(found, "failed"), gates=found)
    return _move(service, actor, version, "examine", gates=found)


def decide(
    service: Service, version: int, differences: Mapping[str, Estimate] | None = None, actor: str = "server"
) -> Release:
    """What follows for a candidate: refused, waiting for a person or a key, or published. One of another standing
    stays as it is, and so does one that could be published while another rolls out.

    differences: from held-out devices, by segment, reward a decision of the candidate less that of the installed
    model; empty: it could not be measured; None: nobody is asked, which is for bundles that come by hand.
    """
    with _turn:
        with service.state.reading() as session:
            release, installed = _there(session, version), records.released(session)
            rolling = records.every(session, "rolling")
        if release.standing == "candidate" and not release.gates:
            release = examine(service, version, actor)
        if release.standing != "candidate":
            return release
        plan = release.plan
        measured = () if differences is None else compared(QUALITY, differences, plan.margin, plan.segment_margin)
        now = None if installed is None else installed.version
        if release.campaign_id is not None and release.base != now:
            sentence = (
                f"It was made from model {release.base}, and devices have {now} since; its gain would undo that."
            )
            measured = (*measured, Gate("base", "failed", sentence, {}))
        found = (*release.gates, *measured)
        verdict = worst(found)
        if verdict == "failed":
            return _move(service, actor, version, "refuse", reason=_said(found, verdict), gates=measured)
        if verdict == "unclear" and plan.unclear == "hold":
            reason = f"A person decides: {_said(found, verdict)}"
            return _move(service, actor, version, "wait", reason=reason, gates=measured)
        return release if rolling else _publish(service, version, actor, measured)


def settle(service: Service) -> None:
    """Takes up what a kill has left, at each start: half published releases, bundles by hand that nobody judged yet,
    and bundles that were signed elsewhere. What cannot be published now is logged, and stays for the next time."""
    try:
        with _turn:
            with service.state.reading() as session:
                rolling, candidates = (records.every(session, standing) for standing in ("rolling", "candidate"))
            for release in rolling:
                if release.half_published:
                    _finish(service, release.version, "server")
            with service.state.writing() as session:
                for version in sorted(service.shelf.signed()):
                    records.adopt(session, service.clock(), service.shelf.manifest(version))
            for release in candidates:
                if release.campaign_id is None:
                    decide(service, release.version)
    except (BundleError, OSError) as error:
        log.error("releases could not be settled", extra={"error": str(error)})


def bring(service: Service, bundle: Path) -> int | None:
    """Publishes at once the bundle that a start names, after `settle`; its version, or None: that was done before.

    Raises BundleError for a bundle that devices would refuse, InputError for a version that is not newer or where
    another one rolls out, SettingError where the key of targets is not at hand.
    """
    with service.state.reading() as session:
        if records.of_digest(session, Manifest.read(bundle).digest) is not None:
            return None
    service.shelf.check_keys()
    release = submit(service, "server", read_files(bundle), at_once=True)
    if release.standing != "released":
        raise BundleRefused(release.reason)
    return release.version


def submit(service: Service, actor: str, files: Mapping[str, bytes], at_once: bool = False) -> Release:
    """A bundle by hand: through the gates that need no device, then staged, or to all devices at once.

    Raises BundleError for one that devices would refuse, InputError for a version that is not newer than all others;
    then nothing is recorded.
    """
    with laid_out(files) as folder:
        check(folder)
    with _turn:
        with service.state.writing() as session:
            if rolling := records.every(session, "rolling"):
                raise InputError(_busy(rolling[0].version))
            base = records.released(session)
            new = records.propose(
                session, service.clock(), actor, files,
                base=None if base is None else base.version, plan=AT_ONCE if at_once else Plan(),
            )  # fmt: skip
        return decide(service, new.version, actor=actor)


def watch(service: Service, version: int, rates: Mapping[str, Estimate] | None) -> Release:
    """What is due for one that rolls out: held where its devices fare worse, wider where its hours are over.

    rates: by segment, take rate of devices that have it less that of the others; empty: it could not be measured;
    None: nobody was asked yet.
    """
    with _turn:
        with service.state.reading() as session:
            release = _there(session, version)
        plan = release.plan
        guard = None if rates is None else compared(TAKE_RATE, rates, plan.margin, plan.segment_margin)
        action = release.next(service.clock(), guard)
        if guard is None or action is None:
            return release
        reason = _said(guard, worst(guard)) if action == "hold" else ""
        return _move(service, "server", version, action, reason=reason, gates=guard)


def go_on(service: Service, version: int, actor: str) -> Release:
    """A person lets one go on: what waits is published, what is held gets its next share.

    Raises InputError where it stands elsewhere, where another one rolls out, or without the key that it waits for.
    """
    with _turn:
        with service.state.writing() as session:
            release = _there(session, version)
            if release.standing != "waiting":
                newer = _newest_published(session)
                if newer is not None and newer > version:
                    raise InputError(f"Model {newer} was published after {version}; devices never go back.")
                _refuse_two(session, version)
                return records.move(session, service.clock(), actor, version, "go-on", reason=f"By {actor}.")
            installed = records.released(session)
            if release.campaign_id and installed is not None and release.base != installed.version:
                raise InputError(
                    f"Model {version} was made from {release.base}, and devices have {installed.version} since, "
                    "whose gain it would undo. Withdraw it; its campaign goes on from what devices have."
                )
        try:
            service.shelf.check_keys()
        except SettingError as error:
            raise InputError(_wanted(version, error)) from None
        return _publish(service, version, actor)


def hold(service: Service, version: int, actor: str) -> Release:
    """Nobody new gets it. Raises InputError."""
    return _move(service, actor, version, "hold", reason=f"By {actor}.")


def withdraw(service: Service, version: int, actor: str) -> Release:
    """Ends it. Devices that may have it get the weights from before under a new number, at once.

    Raises InputError where there is nothing to go back to; then nothing has changed.
    """
    with _turn:
        with service.state.writing() as session:
            at, release = service.clock(), _there(session, version)
            newest = _newest_published(session)
            if not release.published or version != newest:
                stays = f" Model {newest} was published after it, and stays." if release.published else ""
                return records.move(session, at, actor, version, "withdraw", reason=f"By {actor}.{stays}")
            back = _way_back(service, session, release)
            manifest = Manifest.parse(back[MANIFEST_NAME])
            number, weights = manifest.model_version, archive.origin(manifest)
            reason = f"By {actor}. Model {number} brings back the weights of {weights}."
            withdrawn = records.move(session, at, actor, version, "withdraw", reason=reason)
            records.propose(session, at, actor, back, base=version, plan=AT_ONCE)
        decide(service, number, actor=actor)
    return withdrawn


def republished(service: Service, of: int, version: int, parent: int) -> dict[str, bytes]:
    """The files of a published bundle as a new version, made from `parent`. Raises BundleError."""
    folder = service.shelf.folder(of)
    weights = archive.origin(Manifest.read(folder))
    return archive.renumbered(read_files(folder), version, parent, service.clock(), weights_of=weights)


def _way_back(service: Service, session: Session, release: Release) -> dict[str, bytes]:
    if release.half_published:
        manifest = Manifest.parse(records.files(session, release.version)[MANIFEST_NAME])
    else:
        manifest = service.shelf.manifest(release.version)
    good = records.released(session, below=archive.origin(manifest))
    if good is None:
        raise InputError(
            f"There is no released model before {release.version} to go back to; hold it, or publish another one."
        )
    return republished(service, good.version, (records.newest_version(session) or 0) + 1, release.version)


def _publish(service: Service, version: int, actor: str, gates: Sequence[Gate] = ()) -> Release:
    """A candidate, or one that waits, gets its first share; without the key of targets it waits for that."""
    try:
        service.shelf.check_keys()
    except SettingError as error:
        return _move(service, actor, version, "wait", reason=_wanted(version, error), gates=gates)
    with service.state.writing() as session:
        _refuse_two(session, version)
        records.move(session, service.clock(), actor, version, "publish", gates=gates)
    return _finish(service, version, actor)


def _finish(service: Service, version: int, actor: str) -> Release:
    """From the intent to the first share. What may be mended stays as it is, and `settle` tries again."""
    with service.state.reading() as session:
        files = records.files(session, version)
    try:
        with laid_out(files) as folder:
            service.shelf.publish(folder)
    except SettingError as error:
        return _move(service, actor, version, "wait", reason=_wanted(version, error))
    except BundleRefused as error:
        return _move(service, actor, version, "refuse", reason=str(error))
    return _move(service, actor, version, "widen")


def _move(service: Service, actor: str, version: int, action: Action, **told: Any) -> Release:
    with service.state.writing() as session:
        return records.move(session, service.clock(), actor, version, action, **told)


def _there(session: Session, version: int) -> Release:
    release = records.find(session, version)
    if release is None:
        raise InputError(f"There is no model {version}.")
    return release


def _newest_published(session: Session) -> int | None:
    return next((release.version for release in records.every(session) if release.published), None)


def _refuse_two(session: Session, version: int) -> None:
    others = [release.version for release in records.every(session, "rolling") if release.version != version]
    if others:
        raise InputError(_busy(others[0]))


def _busy(version: int) -> str:
    return f"Model {version} is rolling out; hold or withdraw it first, or wait until all devices have it."


def _wanted(version: int, error: SettingError) -> str:
    return (
        "It waits for the key of targets: put targets.pem into the folder keys of the data folder, then POST "
        f"/api/releases/{version}/go-on. {error}"
    )


def _said(gates: Iterable[Gate], verdict: str) -> str:
    return " ".join(f"{gate.name}: {gate.sentence}" for gate in gates if gate.verdict == verdict)


@contextmanager
def laid_out(files: Mapping[str, bytes]) -> Iterator[Path]:
    """A folder with these files, for as long as they are looked at."""
    with TemporaryDirectory(prefix="keyart-") as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        yield Path(folder)
