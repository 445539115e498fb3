"""The tiers of the tests, and fixtures that several packages share.

`make test` runs what is marked neither `service`, `slow` nor `soak`; `make test-all` runs it and then `service or
slow`. A test with the parameter "postgres", or with a fixture that needs a program or a download, is marked `service`
here.
"""

from __future__ import annotations

import gc
import shutil
from collections.abc import Iterator

import pytest
from support.services import missing

from keyart import context
from keyart.errors import FederatedError

FIRST_KNOWN_DEVICES = dict(context._known_devices)
SERVICE_FIXTURES = {"downloads", "flower", "nginx", "postgres"}


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        on_postgres = any(isinstance(value, str) and value == "postgres" for value in parameters.values())
        if on_postgres or SERVICE_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.service)
        # With `--dist loadgroup` any worker runs any test, but the fixtures of a module are made once.
        definitions = item._fixtureinfo.name2fixturedefs.values() if hasattr(item, "_fixtureinfo") else ()
        shares = any(definition.scope == "module" for several in definitions for definition in several)
        if shares and item.get_closest_marker("xdist_group") is None:
            item.add_marker(pytest.mark.xdist_group(str(item.path.relative_to(item.config.rootpath))))


def pytest_collection_finish() -> None:
    """Collect garbage less often, and without going through ten thousand tests: that took a tenth of the time."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 20)


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """A long value is named by its length: its text would be part of each message between the processes of a run."""
    return f"{argname} of {len(val)}" if isinstance(val, str | bytes) and len(val) > 1_000 else None


@pytest.fixture(autouse=True)
def unknown_device_words_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    """The warning about an unknown device class is logged once a process: each test has to see it or not by itself.

    Else a test that counts what is logged passes or fails by the order of the tests.
    """
    monkeypatch.setattr(context, "_known_devices", dict(FIRST_KNOWN_DEVICES))


@pytest.fixture(scope="session")
def downloads() -> None:
    """What a fixture asks for that downloads: its tests are marked `service`."""


@pytest.fixture(scope="session")
def flower() -> None:
    """Skip the test if one of Flower's programs is missing."""
    from keyart_federated.flower import programs

    try:
        for name in programs.PROGRAMS:
            programs.program(name)
    except FederatedError as error:
        missing(str(error))


@pytest.fixture
def nginx() -> None:
    """Skip the test if there is no nginx."""
    if shutil.which("nginx") is None:
        missing("no nginx here")


@pytest.fixture(scope="module")
def quick_passwords() -> Iterator[None]:
    """Hash passwords at a thousandth of their cost, which stands in what is stored, and refuse sign-ins at once."""
    import argon2

    from keyart_server.access import passwords, people, sign_in_pages

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(passwords, "HASHER", argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
        patch.setattr(sign_in_pages, "REFUSAL_SECONDS", (0.0, 0.0))
        people.dummy_password_hash.cache_clear()
        yield
    people.dummy_password_hash.cache_clear()
