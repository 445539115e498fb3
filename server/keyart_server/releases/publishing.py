"""Moves releases through their life cycle: evaluate, publish, widen, hold and roll back.

Publishing has three steps, so that devices never have a model unknown to the audit log: the intent (rolling, share 0)
with its audit row, the signed files, and the first share. `resume_interrupted` finishes what a kill left between
them. `rollback` makes the bundle that takes the place of a withdrawn release.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from sqlalchemy.orm import Session

from keyart.bundle import MANIFEST_NAME, Manifest, read_files
from keyart.errors import BundleError, BundleRefused, InputError, SettingError
from keyart_federated.campaigns import rollout_plan_of
from keyart_federated.campaigns.rollout_plan import AT_ONCE
from keyart_federated.campaigns.sub_cohorts import Estimate

from ..bundles.published_bundles import check_bundle
from ..campaigns.fleet_state import fleet_state
from ..service import Service
from . import bundle_archive, bundle_gates, release_store, rollback, withdrawal
from .gate import Gate, comparison_gates, worst_verdict
from .release import MOVES, Action, ReasonRequired, Release

log = logging.getLogger("keyart.server")
QUALITY: Final = "quality"
TAKE_RATE: Final = "take rate"
# A data folder belongs to one process; within it, one release changes at a time.
_turn = threading.RLock()


def examine(service: Service, version: int, actor: str = "server") -> Release:
    """Run the gates that need no device on a candidate, and refuse it if one fails. Raises InputError."""
    with service.state.reading() as session:
        release = _require(session, version)
        files = release_store.files(session, version)
    base = None if release.base is None else service.bundles.manifest(release.base)
    if bundle_archive.weights_version(manifest := Manifest.parse(files[MANIFEST_NAME])) != manifest.model_version:
        base = None  # a rollback differs from its base on purpose
    with temporary_bundle_folder(files) as folder:
        gates = bundle_gates.check_bundle_gates(folder, base)
    if worst_verdict(gates) == "failed":
        return _move(service, actor, version, "refuse", reason=_join_sentences(gates, "failed"), gates=gates)
    return _move(service, actor, version, "examine", gates=gates)


def decide(
    service: Service, version: int, differences: Mapping[str, Estimate] | None = None, actor: str = "server"
) -> Release:
    """Decide about a candidate: refuse it, let it wait for a person or a key, or publish it.

    A release with another status is left as it is, and so is a candidate that could be published while another
    release is rolling out.

    Args:
        service: the server.
        version: model version.
        differences: reward per decision of the candidate minus that of the installed model, by segment, from held-out
            devices; empty if it could not be measured; None without a comparison, as for uploads.
        actor: name for the audit log.
    """
    with _turn:
        with service.state.reading() as session:
            release, installed = _require(session, version), release_store.newest_released(session)
            rolling, releases = release_store.list_all(session, "rolling"), release_store.list_all(session)
        if release.standing == "candidate" and not release.gates:
            release = examine(service, version, actor)
        if release.standing != "candidate":
            return release
        plan = release.plan
        measured = (
            () if differences is None else comparison_gates(QUALITY, differences, plan.margin, plan.segment_margin)
        )
        installed_version = None if installed is None else installed.version
        if release.campaign_id is not None and release.base != installed_version:
            sentence = (
                f"It was trained from model {release.base}, but devices run model {installed_version} by now; "
                "publishing it would undo that update."
            )
            measured = (*measured, Gate("base", "failed", sentence, {}))
        if withdrawn := withdrawal.reason_of(release, releases):
            measured = (*measured, Gate("lineage", "failed", withdrawn, {}))
        all_gates = (*release.gates, *measured)
        verdict = worst_verdict(all_gates)
        if verdict == "failed":
            return _move(
                service, actor, version, "refuse", reason=_join_sentences(all_gates, verdict), gates=measured
            )
        if verdict == "unclear" and plan.unclear == "hold":
            reason = f"Decision required: {_join_sentences(all_gates, verdict)}"
            return _move(service, actor, version, "wait", reason=reason, gates=measured)
        return release if rolling else _publish(service, version, actor, measured)


def resume_interrupted(service: Service) -> None:
    """Finish interrupted work: half-published releases, unjudged uploads, and bundles signed on another machine.

    Errors are logged, and the work is tried again the next time.
    """
    try:
        with _turn:
            with service.state.writing() as session:
                for version in sorted(service.bundles.signed()):
                    release_store.adopt(session, service.clock(), service.bundles.manifest(version))
            _withdraw_lineages(service)
            with service.state.reading() as session:
                rolling, candidates = (
                    release_store.list_all(session, standing) for standing in ("rolling", "candidate")
                )
            for release in rolling:
                if release.half_published:
                    _publish_files(service, release.version, "server")
            for release in candidates:
                if release.campaign_id is None:
                    decide(service, release.version)
    except (BundleError, OSError) as error:
        log.error("interrupted releases could not be resumed", extra={"error": str(error)})


def publish_at_start(service: Service, bundle: Path) -> int | None:
    """Publish the bundle named at start to all devices, after `resume_interrupted`.

    Returns:
        Its version, or None if it was published before.

    Raises:
        BundleError: for a bundle that devices would refuse.
        InputError: for a version that is not newer, or while another release is rolling out.
        SettingError: if the targets key is missing.
    """
    with service.state.reading() as session:
        if release_store.find_by_digest(session, Manifest.read(bundle).digest) is not None:
            return None
    service.bundles.check_keys()
    release = submit(service, "server", read_files(bundle), at_once=True)
    if release.standing != "released":
        raise BundleRefused(release.reason)
    return release.version


def submit(
    service: Service,
    actor: str,
    files: Mapping[str, bytes],
    at_once: bool = False,
    on_proposed: Callable[[Session, Release], None] = lambda session, candidate: None,
) -> Release:
    """Accept an uploaded bundle: run the gates that need no device, then publish it in stages or at once.

    Args:
        service: the server.
        actor: name for the audit log.
        files: files of the bundle by name.
        at_once: give it to all devices at once.
        on_proposed: called with the candidate in the transaction that records it.

    Raises:
        BundleError: for a bundle that devices would refuse; nothing is recorded.
        InputError: for a version that is not newer than all others; nothing is recorded.
    """
    with temporary_bundle_folder(files) as folder:
        check_bundle(folder)
    with _turn:
        with service.state.writing() as session:
            if rolling := release_store.list_all(session, "rolling"):
                raise InputError(_rollout_in_progress(rolling[0].version))
            base = release_store.newest_released(session)
            plan = AT_ONCE if at_once else rollout_plan_of(None, fleet_state(service, session))
            candidate = release_store.propose(
                session, service.clock(), actor, files, base=None if base is None else base.version, plan=plan
            )
            on_proposed(session, candidate)
        return decide(service, candidate.version, actor=actor)


def apply_guard(service: Service, version: int, rates: Mapping[str, Estimate] | None) -> Release:
    """Apply the guard to a rolling release: hold it if its devices do worse, widen it when its hours are over.

    `rates` is the take rate of devices with this model minus that of the others, by segment; it is empty if it could
    not be measured, and None before the first check.
    """
    with _turn:
        with service.state.reading() as session:
            release = _require(session, version)
        plan = release.plan
        guard = None if rates is None else comparison_gates(TAKE_RATE, rates, plan.margin, plan.segment_margin)
        action = release.next(service.clock(), guard)
        if guard is None or action is None:
            return release
        reason = _join_sentences(guard, worst_verdict(guard)) if action == "hold" else ""
        return _move(service, "server", version, action, reason=reason, gates=guard)


def promote(service: Service, version: int, actor: str, because: str = "") -> Release:
    """Promote a release on a person's decision: publish a waiting one, or give a held one its next share.

    Args:
        service: the server.
        version: model version.
        actor: name for the audit log.
        because: reason for its status and the audit log, which a promotion to all devices needs.

    Raises:
        ReasonRequired: for a promotion to all devices without a reason.
        InputError: if its status forbids this, another release is rolling out, or the key that it waits for is
            missing.
    """
    with _turn:
        with service.state.writing() as session:
            release = _require(session, version)
            reason = f"By {actor}. {because}".strip()
            if release.standing != "waiting":
                newer = release_store.newest_published(session)
                if newer is not None and newer > version:
                    raise InputError(
                        f"Model {newer} was published after {version}; devices never install an older version."
                    )
                _refuse_second_rollout(session, version)
                _require_reason(release, because)
                return release_store.move(session, service.clock(), actor, version, "promote", reason=reason)
            installed = release_store.newest_released(session)
            if release.campaign_id and installed is not None and release.base != installed.version:
                raise InputError(
                    f"Model {version} was trained from {release.base}, but devices run {installed.version} by now; "
                    "publishing it would undo that update. Withdraw it; its campaign continues with that model."
                )
        try:
            service.bundles.check_keys(release.digest)
        except SettingError as error:
            raise InputError(_missing_key_reason(version, error)) from None
        _require_reason(release, because)
        return _publish(service, version, actor, reason=reason)


def hold(service: Service, version: int, actor: str, because: str = "") -> Release:
    """Hold a rolling release: no further device gets it. Raises InputError."""
    return _move(service, actor, version, "hold", reason=f"By {actor}. {because}".strip())


def withdraw(service: Service, version: int, actor: str, because: str = "") -> Release:
    """End a release, and every other one that has its weights or was made from them (`withdrawal`).

    Devices that may have one of them get the newest other released weights under a new version, at once.

    Args:
        service: the server.
        version: model version.
        actor: name for the audit log.
        because: sentence for its reason.

    Raises:
        InputError: if there is no other released model; nothing is changed.
    """
    with _turn:
        with service.state.writing() as session:
            at, release, releases = service.clock(), _require(session, version), release_store.list_all(session)
            ended, others = withdrawal.lineage(version, releases), withdrawal.ending_with(version, releases)
            files = rollback.rollback_files(service, session, release, [release, *others], ended)
            parts = (
                f"By {actor}.",
                because,
                rollback.rollback_sentence(release, files, release_store.newest_published(session)),
            )
            reason = " ".join(part for part in parts if part)
            withdrawn = release_store.move(session, at, actor, version, "withdraw", reason=reason)
            for other in others:
                because = f"By {actor}. It has the weights of model {version}, or was trained from them."
                release_store.move(session, at, actor, other.version, "withdraw", reason=because)
            if files is not None:
                manifest = Manifest.parse(files[MANIFEST_NAME])
                release_store.propose(session, at, actor, files, base=manifest.parent, plan=AT_ONCE)
                replaced = [ending.version for ending in (release, *others) if ending.published]
                release_store.record_replacement(session, replaced, manifest.model_version)
        if files is not None:
            decide(service, manifest.model_version, actor=actor)
    return withdrawn


def _require_reason(release: Release, because: str) -> None:
    if release.next_share == 1 and release.standing in ("waiting", "held") and not because:
        raise ReasonRequired(
            f"Model {release.version} would be promoted to all devices; give a reason for that, which the audit log "
            "keeps."
        )


def _withdraw_lineages(service: Service) -> None:
    """Withdraw what belongs to a withdrawn lineage all the same: rows of keyart 0.1, and bundles signed elsewhere."""
    with service.state.writing() as session:
        for version in release_store.versions_without_weights(session):
            with suppress(BundleError, InputError):  # the bundle of one that ended is gone, and so is the need
                release_store.record_weights(session, version, _manifest(service, session, version))
    with service.state.reading() as session:
        releases = release_store.list_all(session)
    for release in releases:
        reason = withdrawal.reason_of(release, releases)
        if reason and release.standing in MOVES["withdraw"][0]:
            log.warning("a withdrawn model is back", extra={"release": release.version, "reason": reason})
            try:
                withdraw(service, release.version, "server", reason)
            except InputError as error:
                log.error("a withdrawn model cannot be replaced", extra={"error": str(error)})


def _manifest(service: Service, session: Session, version: int) -> Manifest:
    try:
        return Manifest.parse(release_store.files(session, version)[MANIFEST_NAME])
    except InputError:
        return service.bundles.manifest(version)


def _publish(service: Service, version: int, actor: str, gates: Sequence[Gate] = (), reason: str = "") -> Release:
    """Give a candidate or waiting release its first share, or let it wait if the targets key is missing."""
    with service.state.reading() as session:
        digest = _require(session, version).digest
    try:
        service.bundles.check_keys(digest)
    except SettingError as error:
        return _move(service, actor, version, "wait", reason=_missing_key_reason(version, error), gates=gates)
    with service.state.writing() as session:
        _refuse_second_rollout(session, version)
        release_store.move(session, service.clock(), actor, version, "publish", reason=reason, gates=gates)
    return _publish_files(service, version, actor, reason)


def _publish_files(service: Service, version: int, actor: str, reason: str = "") -> Release:
    """Publish the files of a recorded intent, then widen. After a recoverable error the status stays."""
    with service.state.reading() as session:
        files = release_store.files(session, version)
        presigned = rollback.rollback_to_sign(service, session, version)
    try:
        with temporary_bundle_folder(files) as folder:
            service.bundles.publish(folder, presigned)
    except SettingError as error:
        return _move(service, actor, version, "wait", reason=_missing_key_reason(version, error))
    except BundleRefused as error:
        return _move(service, actor, version, "refuse", reason=str(error))
    return _move(service, actor, version, "widen", reason=reason)


def _move(service: Service, actor: str, version: int, action: Action, **changes: Any) -> Release:
    with service.state.writing() as session:
        return release_store.move(session, service.clock(), actor, version, action, **changes)


def _require(session: Session, version: int) -> Release:
    release = release_store.find(session, version)
    if release is None:
        raise InputError(f"There is no model {version}.")
    return release


def _refuse_second_rollout(session: Session, version: int) -> None:
    others = [release.version for release in release_store.list_all(session, "rolling") if release.version != version]
    if others:
        raise InputError(_rollout_in_progress(others[0]))


def _rollout_in_progress(version: int) -> str:
    return f"Model {version} is rolling out; hold or withdraw it first, or wait until it is released to all devices."


def _missing_key_reason(version: int, error: SettingError) -> str:
    return (
        "The signing key of the targets role is missing: put targets.pem into the folder keys of the data folder, "
        f"then POST /api/v1/releases/{version}/promote. {error}"
    )


def _join_sentences(gates: Iterable[Gate], verdict: str) -> str:
    return " ".join(f"{gate.name}: {gate.sentence}" for gate in gates if gate.verdict == verdict)


@contextmanager
def temporary_bundle_folder(files: Mapping[str, bytes]) -> Iterator[Path]:
    """Yield a temporary folder with these files."""
    with TemporaryDirectory(prefix="keyart-") as folder:
        for name, data in files.items():
            (Path(folder) / name).write_bytes(data)
        yield Path(folder)
