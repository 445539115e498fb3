"""`keyart verify`: is this bundle whole, within the rules, and does it score as it says?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, print_table, write_json

if TYPE_CHECKING:
    from keyart.bundle.manifest import Manifest


@click.command(short_help="Is this bundle whole and within the rules?")
@click.argument("bundle", type=click.Path(path_type=Path))
@click.option(
    "--engine",
    type=click.Choice(["auto", "onnxruntime", "numpy"]),
    default="auto",
    show_default=True,
    help="Engine of the canary, which must reproduce vectors.json.",
)
@json_option
def verify(bundle: Path, engine: str, as_json: bool) -> None:
    """Check every rule of the bundle in folder BUNDLE, or of the current one in a folder of installed ones, and run
    its canary.

    Exit code 0: whole. 1: damaged, refused or missing, with a sentence on stderr.

    \b
    Example:
      keyart verify build/demo/bundle
    """
    manifest, vectors = check_bundle(bundle, engine)
    if as_json:
        write_json(
            {
                "bundle": str(bundle),
                "whole": True,
                "model_version": manifest.model_version,
                "digest": manifest.digest,
                "files": {name: entry.to_json() for name, entry in manifest.files.items()},
                "vectors_reproduced": vectors,
            }
        )
        return
    print_table(
        f"{bundle}: whole. Model {manifest.model_version}, {len(manifest.files)} files as the manifest says, "
        f"{vectors} test vectors reproduced.",
        f"digest {manifest.digest}",
    )


def check_bundle(bundle: Path, engine: Any = "auto") -> tuple[Manifest, int]:
    """The manifest of a whole bundle (the current one of a folder of installed ones), and how many vectors its ranker
    reproduced. Raises a BundleError."""
    from keyart.bundle import Manifest
    from keyart.bundle import verify as verify_bundle
    from keyart.model.features import FeatureSpec
    from keyart.model.ranker import Ranker, load
    from keyart_tools.inspection.bundle import folder_of

    bundle = folder_of(bundle)
    runs: list[Ranker] = []
    reproduced = 0

    def canary(inputs: dict[str, Any]) -> Any:
        # Called after all other rules are met: only then is it right to load the ranker.
        nonlocal reproduced
        if not runs:
            manifest = Manifest.read(bundle)
            spec = FeatureSpec.from_json(manifest.feature_spec)
            runs.append(load(bundle, spec, manifest.session_config, engine))
        reproduced += 1
        return runs[0].run(inputs)

    return verify_bundle(bundle, run=canary), reproduced
