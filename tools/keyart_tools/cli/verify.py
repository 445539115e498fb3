"""`keyart verify`: integrity, rules and test vectors of a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from .console import json_option, print_table, write_json
from .options import PATH

if TYPE_CHECKING:
    from keyart.bundle import Manifest


@click.command(short_help="Verify a bundle.")
@click.argument("bundle", type=PATH)
@click.option(
    "--engine",
    type=click.Choice(["auto", "onnxruntime", "numpy"]),
    default="auto",
    show_default=True,
    help="Engine that must reproduce the test vectors.",
)
@json_option
def verify(bundle: Path, engine: str, as_json: bool) -> None:
    """Verify a bundle: all rules of the format, and the test vectors.

    BUNDLE is its folder, or a folder of installed bundles, of which the current one is verified.

    Exit code 0: the bundle is valid. 1: it is damaged, refused or missing, and stderr says why.

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
        f"{bundle}: verified. Model {manifest.model_version}, {len(manifest.files)} files match the manifest, "
        f"{vectors} test vectors reproduced.",
        f"digest {manifest.digest}",
    )


def check_bundle(bundle: Path, engine: Any = "auto") -> tuple[Manifest, int]:
    """Verify a bundle, or the current bundle of a folder of installed bundles.

    Returns:
        The manifest, and the number of test vectors that the ranker reproduced.

    Raises:
        BundleError: the bundle is missing, damaged or refused.
    """
    from keyart.bundle import Manifest
    from keyart.bundle import verify as verify_bundle
    from keyart.model import FeatureSpec, Ranker, load_ranker
    from keyart_tools.inspection.bundle import folder_of

    bundle = folder_of(bundle)
    runs: list[Ranker] = []
    reproduced = 0

    def canary(inputs: dict[str, Any]) -> Any:
        # Called after all other checks have passed: only then is it safe to load the ranker.
        nonlocal reproduced
        if not runs:
            manifest = Manifest.read(bundle)
            spec = FeatureSpec.from_json(manifest.feature_spec)
            runs.append(load_ranker(bundle, spec, manifest.session_config, engine))
        reproduced += 1
        return runs[0].run(inputs)

    return verify_bundle(bundle, run=canary), reproduced
