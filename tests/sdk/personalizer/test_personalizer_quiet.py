"""The log names no title, picture, tag, device or profile, at any level, whatever happens."""

from __future__ import annotations

import logging
from dataclasses import replace
from datetime import timedelta

import pytest
from support import campaigns
from support.catalogs import EVENING, OFF, sample_bundle

import keyart
from keyart.errors import KeyartError

CANARY = "canary"


def canary_catalog() -> keyart.Catalog:
    pictures = [
        keyart.Artwork(f"canary-picture-{n}", {f"genre:canary-{n % 2}": 1.0, "cast:canary-star": 1.0}, image="canary")
        for n in range(4)
    ]
    tags = {"genre:canary-0": 1.0, "genre:canary-1": 0.5}
    return keyart.Catalog.from_titles(
        [
            keyart.Title("canary-title", "canary-name", 6000, tags, pictures),
            keyart.Title("canary-other", "", 0, tags, [replace(p, id=f"{p.id}-o") for p in pictures]),
        ]
    )


def test_canary(tmp_path, caplog, monkeypatch):
    caplog.set_level(1)  # below DEBUG
    catalog = canary_catalog()
    bundle = sample_bundle(tmp_path / "bundle", catalog)
    folder = tmp_path / "canary-folder"
    folder.mkdir()
    now = [EVENING]

    def open_it(**settings: object) -> keyart.Personalizer:
        return keyart.Personalizer.open(
            folder / "canary.db",
            catalog=catalog,
            keys=keyart.PassphraseKey("canary-passphrase"),
            profile="canary-person",
            clock=lambda: now[0],
            policy=keyart.Policy(stickiness=OFF),
            **settings,
        )

    context = keyart.Context("canary-device", EVENING, intent={"genre:canary-1": 1.0}, trending={"canary-title": 1.0})
    with open_it() as art:
        for purpose in ("personalization", "federated", "diagnostics"):
            art.consent.grant(purpose)
        art.record(keyart.View("canary-title", EVENING, 5000, "canary-device"))
        art.install(bundle)
        decision = art.choose("canary-title", context)
        page = art.choose_page(["canary-title", "canary-other"], context)
        art.seen(page[1].id)
        art.observe(decision.id, keyart.Outcome.played(3000))
        art.explain(decision.id)
        art.answer(campaigns.offer(art, campaign="canary-campaign").sign(campaigns.STRANGER))
        for wrong in (
            lambda: art.choose("canary-unknown", context),
            lambda: art.observe("canary-decision", keyart.Outcome.skipped()),
            lambda: art.install(folder / "canary-bundle"),
            lambda: art.answer(b"canary"),
            open_it,
        ):
            with pytest.raises(KeyartError):
                wrong()
        with monkeypatch.context() as patch:
            patch.setattr(art._session.custody.journal, "write_batch", _fail)
            art._session._write_decisions()
        now[0] += timedelta(days=1)
        art.flush()
        art.export()
        art.remove_title("canary-other")
        art.remove_view("canary-title", EVENING)
        art.stats()
    now[0] += timedelta(days=100)
    with open_it(bundle=bundle) as art:
        art.flush()
        art.consent.withdraw("personalization")
        art.forget()
    logging.getLogger("keyart").debug("the log is caught")
    said = [record.getMessage() + repr(record.__dict__) for record in caplog.records]
    assert said and not [text for text in said if CANARY in text.replace("test_canary", "")]
    assert any("installed" in text for text in said) and any("could not be written" in text for text in said)


def _fail() -> int:
    raise keyart.KeyartError("canary-path is full")
