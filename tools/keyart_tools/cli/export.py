"""`keyart export`: write a trained model as a bundle that devices install."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from .console import json_option, note, one_thread_a_process, print_table, write_json
from .options import FOLDER, PATH, force_option, require_bars

if TYPE_CHECKING:
    from keyart.bundle import Manifest

EXPORT_SLATES = 1_000  # random ones; `keyart quantize` measures on more, and on those of a log


@click.command(short_help="Export a trained model as a bundle for devices.")
@click.argument("model", type=PATH)
@click.option(
    "--out", type=FOLDER, required=True,
    help="Bundle folder to write; an older bundle is replaced, other contents are refused.",
)  # fmt: skip
@click.option("--parent", type=PATH, help="Bundle that devices run now.")
@click.option("--version", type=click.IntRange(min=0), help="Model version.  [default: one more than the parent's]")
@click.option("--data", metavar="TEXT", help="Model card: training data.  [default: the description in the log]")
@click.option("--purpose", metavar="TEXT", help="Model card: intended use.")
@click.option("--limits", metavar="TEXT", help="Model card: limitations.")
@force_option
@json_option
def export(
    model: Path,
    out: Path,
    parent: Path | None,
    version: int | None,
    data: str | None,
    purpose: str | None,
    limits: str | None,
    force: bool,
    as_json: bool,
) -> None:
    """Export MODEL, a model file of `keyart train`, as a bundle: int8 weights, graphs, test vectors and manifest.

    The bundle is verified before it is put in place. A model trained on data for evaluation only is refused. If the
    int8 weights miss a bar of `keyart quantize`, measured on random slates, nothing is written, and the exit code is
    1.

    \b
    Example:
      keyart export model.npz --out bundle
      keyart export model.npz --out next --parent bundle --limits "Films only."
    """
    words = {"data": data, "purpose": purpose, "limits": limits}
    for name, text in words.items():
        if text is not None and not text.strip():
            raise click.UsageError(f"--{name} is empty; give a text, or leave the option out.")
    one_thread_a_process()
    from keyart_tools.model_evaluation import never_trained

    card = {name: text for name, text in words.items() if text is not None}
    manifest, vectors = export_bundle(model, out, parent, version, card, force=force)
    untrained = never_trained(manifest.training)
    if untrained is not None:
        note(untrained)
    size = sum(entry.size for entry in manifest.files.values())
    if as_json:
        write_json(
            {
                "bundle": str(out),
                "model_version": manifest.model_version,
                "parent": manifest.parent,
                "digest": manifest.digest,
                "bytes": size,
                "vectors_reproduced": vectors,
            }
        )
        return
    print_table(
        f"{out}: model {manifest.model_version}, {size:,} bytes, verified; {vectors} test vectors reproduced.",
        f"digest {manifest.digest}",
    )


def export_bundle(
    model: Path,
    out: Path,
    parent: Path | None = None,
    version: int | None = None,
    card: Mapping[str, str] | None = None,
    quality: Mapping[str, float] | None = None,
    *,
    force: bool = False,
) -> tuple[Manifest, int]:
    """Write and verify a bundle of the model file `model`.

    Without `quality`, the int8 weights are measured on random slates, and must be within their bars.

    Returns:
        The manifest, and the number of test vectors that the bundle reproduced.

    Raises:
        UsageError: `version` or `out` does not fit.
        ClickException: the int8 weights miss a bar, and `force` is False.
        KeyartError: the model cannot be read or must not be exported.
    """
    from dataclasses import replace

    from keyart.errors import BundleRefused
    from keyart_federated.export import ModelFile, write_bundle

    from .verify import check_bundle

    file = ModelFile.load(model)
    if file.evaluation_only:
        raise BundleRefused(
            f"{model} was trained on data that is licensed for evaluation only ({file.data}): it must not be "
            "deployed. Train on a log of your own."
        )
    before = check_bundle(parent)[0].model_version if parent is not None else None
    if version is None:
        version = file.model.version if before is None else before + 1
    if before is not None and version <= before:
        raise click.UsageError(f"--version {version} must be greater than the parent's version, {before}.")
    _check_output(out, version)
    if quality is None:
        from keyart_tools.quantization import QuantizationSource, measure

        report = measure(QuantizationSource.of_model(file), None, EXPORT_SLATES, seed=0)
        require_bars(report.missed_bars, force, f"{out} was not written.")
        quality = report.quality
    checked: list[tuple[Manifest, int]] = []
    card_texts = dict(card or {})
    write_bundle(
        out,
        replace(file.model, version=version),
        file.names,
        data=card_texts.pop("data", file.data),
        training=file.training,
        quality={**file.quality, **quality},
        parent=before,
        card=card_texts,
        check=lambda folder: checked.append(check_bundle(folder)),
    )
    return checked[0]


def _check_output(out: Path, version: int) -> None:
    """Require that `out` is free or holds an older bundle."""
    from keyart.bundle import check_contents, read_files
    from keyart.errors import BundleError

    if not out.exists() or not any(out.iterdir()):
        return
    try:
        older = check_contents(read_files(out)).model_version
    except BundleError:
        raise click.UsageError(f"--out {out} holds something other than a valid bundle; name a new folder.") from None
    if older >= version:
        raise click.UsageError(
            f"--out {out} holds model {older}, and version {version} is not newer; give --version "
            f"{older + 1}, or name another folder."
        )
