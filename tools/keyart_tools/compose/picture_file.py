"""Pictures from any file as 8-bit sRGB pixels, and JPEG output without metadata of the source.

Metadata of a camera or a studio (place, serial number, thumbnail, comment) is dropped: only pixels are kept.
"""

from __future__ import annotations

import hashlib
import io
import re
import warnings
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps

from keyart.errors import InputError

Pixels = NDArray[np.uint8]  # sRGB [height, width, 3]

FORMATS = ("JPEG", "PNG", "WEBP", "TIFF", "GIF")  # decoders that read nothing but pixels
MAX_PIXELS = 64_000_000  # 192 MB as RGB; a cinema frame in 8K has 35 million
MAX_BYTES = 200_000_000
MIN_SIDE = 64  # pixels
SOURCE_TYPE = re.compile(rb"DigitalSourceType[^<]{0,40}?digitalsourcetype/(\w{1,60})", re.ASCII)
# What Pillow's decoders raise on damaged files has no common base.
DECODER_ERRORS = (
    ValueError,
    SyntaxError,
    EOFError,
    ArithmeticError,
    LookupError,
    TypeError,
    MemoryError,
    AttributeError,
)
QUALITY = 90  # of the JPEG


@dataclass(frozen=True, slots=True)
class Picture:
    """Pixels and what else is known of a picture.

    Attributes:
        alpha: [height, width] 0–255 if the file has transparency, else None.
        sha256: hash of the file.
        source_type: last part of the IPTC digital source type in the file, "" if it has none; unverified.
    """

    name: str
    pixels: Pixels = field(repr=False)
    alpha: NDArray[np.uint8] | None = field(repr=False)
    sha256: str
    source_type: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height in pixels."""
        height, width = self.pixels.shape[:2]
        return width, height


def read_picture(path: Path) -> Picture:
    """Read the first image of the file, upright and in sRGB.

    Raises:
        InputError: the file is not a picture that can be used.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise InputError(f"{path} has more than {MAX_BYTES // 10**6} MB; save a smaller copy.")
        data = path.read_bytes()
    except OSError as error:
        raise InputError(f"Cannot read the picture {path}: {error.strerror or error}.") from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # damaged metadata is thrown away with the rest
            return _decoded(path.name, data)
    except InputError as error:
        raise InputError(f"{path} {error}") from None
    except Image.DecompressionBombError:
        raise InputError(f"{path} has far more than {MAX_PIXELS // 10**6} million pixels; shrink it.") from None
    except (OSError, *DECODER_ERRORS) as error:
        reason = "damaged or cut short" if _looks_like_picture(data) else "not a JPEG, PNG, WebP, TIFF or GIF"
        raise InputError(f"{path} is {reason}; give another picture.") from error


def stated_source_type(data: bytes) -> str:
    """Return the IPTC digital source type in a picture's XMP; "" if there is none, or no picture."""
    Image.init()
    try:
        with warnings.catch_warnings(), Image.open(io.BytesIO(data), formats=FORMATS) as image:
            warnings.simplefilter("ignore")
            return _source_type(image)
    except (OSError, Image.DecompressionBombError, *DECODER_ERRORS):
        return ""


def jpeg(pixels: Pixels, xmp: bytes) -> bytes:
    """Encode `pixels` as a JPEG with an XMP packet and no other metadata."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=QUALITY, subsampling=0, xmp=xmp)
    return buffer.getvalue()


def _decoded(name: str, data: bytes) -> Picture:
    Image.init()  # or it does not know the decoders that are named
    with Image.open(io.BytesIO(data), formats=FORMATS) as image:
        width, height = image.size  # from the header: nothing is decoded yet
        if width * height > MAX_PIXELS:
            raise InputError(f"has {width}×{height} pixels, more than {MAX_PIXELS // 10**6} million; shrink it.")
        if min(width, height) < MIN_SIDE:
            raise InputError(f"has {width}×{height} pixels; it needs {MIN_SIDE} on each side.")
        image.load()
        source_type = _source_type(image)
        with suppress(Exception):  # an orientation that cannot be read is none
            ImageOps.exif_transpose(image, in_place=True)
        rgb, alpha = _in_srgb(image)
    return Picture(name, rgb, alpha, hashlib.sha256(data).hexdigest(), source_type)


def _in_srgb(image: Image.Image) -> tuple[Pixels, NDArray[np.uint8] | None]:
    if image.mode in ("I;16", "I;16B", "I;16L", "I"):
        image = Image.fromarray((np.asarray(image).clip(0, 65535) / 257).round().astype(np.uint8))
    elif image.mode == "F":
        raise InputError("holds floating-point values whose white is not known; save it with 8 or 16 bits.")
    alpha = None
    if image.has_transparency_data:
        image = image.convert("RGBA")
        alpha = np.asarray(image.getchannel("A"))
        if alpha.min() == 255:
            alpha = None
    profile = image.info.get("icc_profile")
    colours = image.convert("RGB") if image.mode not in ("RGB", "CMYK") else image
    if profile and colours.mode in ("RGB", "CMYK"):
        with suppress(ImageCms.PyCMSError, OSError, ValueError):  # a broken profile, or one of another colour space
            converted = ImageCms.profileToProfile(
                colours,
                ImageCms.ImageCmsProfile(io.BytesIO(profile)),
                ImageCms.createProfile("sRGB"),
                outputMode="RGB",
            )
            colours = converted or colours
    return np.asarray(colours.convert("RGB")), alpha


def _source_type(image: Image.Image) -> str:
    """Return "digitalCapture" of XMP that states it in an attribute, an element or a resource.

    The packet is searched and not parsed: it is one word, and hostile XML can exhaust memory.
    """
    packet = image.info.get("xmp", b"")
    match = SOURCE_TYPE.search(packet if isinstance(packet, bytes) else str(packet).encode())
    return match[1].decode() if match else ""


def _looks_like_picture(data: bytes) -> bool:
    starts = (b"\xff\xd8", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*")
    return data.startswith(starts) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")
