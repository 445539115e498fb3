"""Runs the server in the foreground, from settings to the last answered request.

The order matters: whatever can be wrong with the settings is found before anything is written.
"""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import uvicorn

import keyart
from keyart import Catalog
from keyart.bundle.durable import replace_file
from keyart.errors import SettingError

from . import audit, budget, vouching
from .access import Guard, people, tokens
from .app import create_app
from .bundles import Shelf
from .bundles.shelf import check
from .dashboard import Pages
from .data import DataFolder
from .metrics import Metrics
from .service import Service
from .settings import Settings
from .state import State

BACKLOG = 2048
GRACE_SECONDS = 20  # for requests that are being answered when the server is asked to stop


def now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Started:
    """What is said when the server listens. join: the one-time link while nobody can sign in, else None.

    published: model version that this start published. offline_keys: files that belong on another machine.
    """

    address: str
    data: Path
    version: str
    published: int | None
    join: str | None
    offline_keys: tuple[Path, ...]


def serve(settings: Settings, tell: Callable[[Started], None], clock: Callable[[], datetime] = now) -> None:
    """Serves until it is told to stop (SIGTERM, Ctrl-C). tell: called once, when it listens.

    Raises SettingError or BundleError where it cannot start.
    """
    settings.check_tls()
    if settings.bundle is not None:
        check(settings.bundle)
    with ExitStack() as stack:
        listening = stack.enter_context(listen(settings.host, settings.port))
        service = stack.enter_context(opened(settings, clock))
        port: int = listening.getsockname()[1]
        started = _begin(service, settings.address(port))
        app = create_app(service)
        config = uvicorn.Config(
            app,
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,  # anybody can write them
            date_header=True,
            lifespan="on",
            ws="none",
            ssl_certfile=settings.tls_cert,
            ssl_keyfile=None if settings.tls_key is None else str(settings.tls_key),
            timeout_graceful_shutdown=GRACE_SECONDS,
        )
        server = uvicorn.Server(config)
        with _stops(server):
            tell(started)
            server.run(sockets=[listening])


@contextmanager
def opened(settings: Settings, clock: Callable[[], datetime] = now) -> Iterator[Service]:
    """The service of these settings, with the data folder to itself. Raises SettingError."""
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
        yield Service(
            settings=settings,
            data=data,
            state=named,
            guard=Guard(named, clock, settings.secure),
            shelf=Shelf(data, clock),
            metrics=Metrics(keyart.__version__),
            pages=Pages(),
            clock=clock,
            keys=vouching.keys_in(data.keys),
            catalog=_catalog(settings, data),
        )


def _catalog(settings: Settings, data: DataFolder) -> Catalog | None:
    """The one that is named, kept for the next start; else the one that was kept. Raises CatalogError."""
    if settings.catalog is not None:
        catalog = Catalog.load(settings.catalog)
        replace_file(data.catalog, settings.catalog.read_bytes())
        return catalog
    return Catalog.load(data.catalog) if data.catalog.is_file() else None


def _begin(service: Service, address: str) -> Started:
    """What each start does: the token for machines, the bundle, the link for the first administrator."""
    state, clock = service.state, service.clock
    tokens.ensure_admin(state, service.data, clock())
    with state.writing() as session:
        budget.settle(session, clock(), service.settings.epsilon, service.settings.delta)
    published = None
    if service.settings.bundle is not None:
        published = service.shelf.publish(service.settings.bundle)
        if published is not None:
            with state.writing() as session:
                version = str(published.model_version)
                audit.append(session, clock(), "server", "bundle.publish", version, digest=published.digest)
    with state.writing() as session:
        code = people.invite(session, clock(), "server", "administrator") if people.none_yet(session) else None
    return Started(
        address=address,
        data=service.data.path,
        version=keyart.__version__,
        published=None if published is None else published.model_version,
        join=None if code is None else f"{address}/join/{code}",
        offline_keys=tuple(service.shelf.offline_keys_here()),
    )


@contextmanager
def listen(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that takes connections from now on. Raises SettingError."""
    try:
        family, _, _, _, place = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        made = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise SettingError(f"--host {host} is no address of this machine: {error.strerror or error}.") from None
    with made:
        try:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            made.bind(place)
            made.listen(BACKLOG)
        except OSError as error:
            raise SettingError(
                f"Cannot listen on {host}:{port}: {error.strerror or error}. Choose another --port, or stop what "
                "listens there."
            ) from None
        yield made


@contextmanager
def _stops(server: uvicorn.Server) -> Iterator[None]:
    """SIGTERM and Ctrl-C stop the server, from before it runs until after its end, where uvicorn raises the signal
    that stopped it once more: a stop that was asked for is no failure."""
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {number: signal.signal(number, server.handle_exit) for number in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
