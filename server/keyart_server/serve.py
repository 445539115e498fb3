"""Runs the server in the foreground, from settings to the last answered request.

The order matters: whatever can be wrong with the settings is found before anything is written.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import keyart
from keyart import Catalog
from keyart.bundle.durable import replace_file

from . import budget
from .access import Guard, people, tokens
from .app import create_app
from .bundles import Shelf
from .bundles.published_bundles import check
from .dashboard import Pages
from .data_folder import DataFolder
from .engine import Driver, Engine, Link
from .http.web_server import listen, now, run
from .monitoring.metrics import Metrics
from .releases import publishing
from .rounds import round_store
from .service import Service
from .settings import Settings
from .signing import signing_keys
from .state import State


@dataclass(frozen=True, slots=True)
class Started:
    """What is said when the server listens. join: the one-time link while nobody can sign in, else None.

    published: model version that this start published. offline_keys: files that belong on another machine.
    offers_key, issuer_key: public keys that apps ship (`keyart.Limits`), in hex.
    """

    address: str
    data: Path
    version: str
    published: int | None
    join: str | None
    offline_keys: tuple[Path, ...]
    offers_key: str
    issuer_key: str


def serve(settings: Settings, tell: Callable[[Started], None], clock: Callable[[], datetime] = now) -> None:
    """Serves until it is told to stop (SIGTERM, Ctrl-C). tell: called once, when it listens.

    Raises SettingError, BundleError or CatalogError where it cannot start.
    """
    settings.check_tls()
    if settings.bundle is not None:
        check(settings.bundle)
    with ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        service = stack.enter_context(opened(settings, clock))
        port: int = listening.getsockname()[1]
        started = _begin(service, settings.at(port))
        app = create_app(service)
        with _driving(service):
            run(app, settings, listening, lambda: tell(started))


@contextmanager
def opened(settings: Settings, clock: Callable[[], datetime] = now) -> Iterator[Service]:
    """The service of these settings, with the data folder to itself. Raises SettingError, CatalogError."""
    told = None if settings.catalog is None else Catalog.load(settings.catalog)
    data = DataFolder(settings.data)
    with ExitStack() as stack:
        named = None
        if settings.database_url is not None:  # before a folder is made for what cannot be reached
            named = State.open(settings.database_url)
            stack.callback(named.close)
        data.make()
        stack.enter_context(data.locked())
        if named is None:
            named = State.open(data.database)
            stack.callback(named.close)
        if told is not None and settings.catalog is not None:
            replace_file(data.catalog, settings.catalog.read_bytes())  # kept for the next start
        elif data.catalog.is_file():
            told = Catalog.load(data.catalog)
        yield Service(
            settings=settings,
            data=data,
            state=named,
            guard=Guard(named, clock, settings.secure),
            shelf=Shelf(data, clock),
            metrics=Metrics(keyart.__version__),
            pages=Pages(),
            clock=clock,
            keys=signing_keys.keys_in(data.keys),
            catalog=told,
        )


@contextmanager
def _driving(service: Service) -> Iterator[None]:
    """The engine beside the server. It ends after the last answered request: rounds go on when a server is back."""
    if not service.settings.rounds:
        yield
        return
    stop = threading.Event()
    engine = Engine(service, Driver(lambda: _link(service), lambda round_id: _goes_on(service, round_id)))
    thread = threading.Thread(target=engine.run, args=(stop,), name="engine")
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _link(service: Service) -> Link:
    from .flower.superlink import Link as FlowerLink

    settings, folder = service.settings, service.data.path / "flower"
    if settings.superlink is not None and settings.superlink_ca is not None:
        return FlowerLink.connect(folder, settings.superlink, settings.superlink_ca, settings.gateways)
    where = settings.database_url or f"sqlite:///{service.data.database.resolve()}"
    return FlowerLink.start(folder, where, [service.keys.issuer_public])


def _goes_on(service: Service, round_id: str) -> bool:
    with service.state.reading() as session:
        found = round_store.find(session, round_id)
    return found is not None and found.going_on


def _begin(service: Service, address: str) -> Started:
    """What each start does: the token for machines, the bundle, the link for the first administrator."""
    state, clock = service.state, service.clock
    tokens.ensure_admin(state, service.data, clock())
    with state.writing() as session:
        budget.settle(session, clock(), service.settings.epsilon, service.settings.delta)
    publishing.settle(service)
    bundle = service.settings.bundle
    published = None if bundle is None else publishing.bring(service, bundle)
    with state.writing() as session:
        code = people.invite(session, clock(), "server", "administrator") if people.none_yet(session) else None
    return Started(
        address=address,
        data=service.data.path,
        version=keyart.__version__,
        published=published,
        join=None if code is None else f"{address}/join/{code}",
        offline_keys=tuple(service.shelf.offline_keys_here()),
        offers_key=service.keys.offers_public.hex(),
        issuer_key=service.keys.issuer_public.hex(),
    )
