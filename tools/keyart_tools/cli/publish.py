"""`keyart publish`: the first bundle and catalogue of a server, in one command."""

from __future__ import annotations

from pathlib import Path

import click

from .console import json_option, one_thread_a_process, write_json
from .options import PATH


@click.command(short_help="Publish a bundle on a server that is stopped.")
@click.option("--data", type=PATH, required=True, help="Data folder of the server, which must be stopped.")
@click.option("--bundle", type=PATH, required=True, help="Bundle folder to publish to all devices.")
@click.option("--catalog", type=PATH, help="Catalogue of the fleet, as written by Catalog.save.")
@click.option(
    "--offline", type=PATH, metavar="FOLDER",
    help="Folder of the offline keys: they are in the data folder only while they sign.",
)  # fmt: skip
@click.option(
    "--database-url", envvar="KEYART_DATABASE_URL", metavar="URL",
    help="postgresql://USER@HOST/NAME, also read from KEYART_DATABASE_URL.  [default: SQLite in the data folder]",
)  # fmt: skip
@json_option
def publish(
    data: Path, bundle: Path, catalog: Path | None, offline: Path | None, database_url: str | None, as_json: bool
) -> None:
    """Publish a bundle, and store the catalogue, before the first start or while the server is stopped.

    --offline names the medium that holds the targets key, which is in the data folder only while it signs. If the key
    is encrypted, KEYART_KEY_PASSPHRASE must be set. A server that runs takes bundles over its API and on its pages.

    \b
    Example:
      keyart publish --data keyart-data --bundle build/demo/bundle --catalog build/demo/catalog.json
      keyart publish --data keyart-data --bundle build/demo/bundle --offline /media/offline
    """
    one_thread_a_process()
    from keyart_server.bundles.published_bundles import check_bundle
    from keyart_server.data_folder import DataFolder
    from keyart_server.releases import publishing
    from keyart_server.serve import open_service
    from keyart_server.settings import ServerSettings
    from keyart_server.signing.borrowed_keys import borrowed_keys

    version = check_bundle(bundle).model_version
    settings = ServerSettings(data, database_url, bundle, catalog, rounds=False)
    with open_service(settings) as service, borrowed_keys(DataFolder(data).keys, offline, ("targets",)):
        publishing.resume_interrupted(service)
        published = publishing.publish_at_start(service, bundle)
    if as_json:
        write_json({"version": version, "published": published is not None})
    elif published is None:
        click.echo(f"The bundle of version {version} was published before.")
    else:
        click.echo(f"Published version {version} to all devices.")
