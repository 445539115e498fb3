"""Pictures from anywhere: right pixels, or one sentence; and nothing of a camera goes on."""

import io
import struct
import zlib
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image, ImageCms

from keyart.errors import InputError
from keyart_tools.compose.picture_file import MIN_SIDE, jpeg, read_picture, stated_source_type
from keyart_tools.compose.source_type import xmp_packet

RED = np.full((80, 100, 3), (200, 30, 40), np.uint8)


def saved(tmp_path, image, name="a.png", **options):
    image.save(tmp_path / name, **options)
    return read_picture(tmp_path / name)


def near(pixels, colour, tolerance=6):
    return np.abs(pixels.reshape(-1, 3).astype(int) - colour).max() <= tolerance


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.webp", "a.tif", "a.gif"])
def test_formats(tmp_path, name):
    found = saved(tmp_path, Image.fromarray(RED), name)
    assert found.size == (100, 80) and near(found.pixels, (200, 30, 40)) and found.alpha is None


def test_a_wrong_suffix_does_not_matter(tmp_path):
    assert saved(tmp_path, Image.fromarray(RED), "a.jpg", format="PNG").size == (100, 80)


def test_it_is_turned_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright
    assert saved(tmp_path, Image.fromarray(RED), "a.jpg", exif=exif).size == (80, 100)


def test_cmyk(tmp_path):
    found = saved(tmp_path, Image.fromarray(RED).convert("CMYK"), "a.jpg", quality=95)
    assert near(found.pixels, (200, 30, 40), 12)


@pytest.mark.parametrize("value", [0, 25700, 65535])
def test_16_bits(tmp_path, value):
    found = saved(tmp_path, Image.fromarray(np.full((80, 100), value, np.uint16)))
    assert near(found.pixels, round(value / 257), 0)


def test_alpha_is_kept_apart(tmp_path):
    rgba = np.dstack([RED, np.zeros((80, 100), np.uint8)])
    rgba[20:60, 30:70, 3] = 255
    found = saved(tmp_path, Image.fromarray(rgba))
    assert found.alpha is not None and found.alpha[40, 50] == 255 and found.alpha[0, 0] == 0
    assert near(found.pixels[20:60, 30:70], (200, 30, 40), 0)


def test_alpha_that_hides_nothing_is_none(tmp_path):
    assert saved(tmp_path, Image.fromarray(RED).convert("RGBA")).alpha is None


def test_of_an_animation_the_first_image(tmp_path):
    frames = [Image.new("RGB", (100, 80), colour) for colour in ("red", "blue")]
    found = saved(tmp_path, frames[0], "a.gif", save_all=True, append_images=frames[1:])
    assert near(found.pixels, (255, 0, 0), 2)


def test_colours_are_brought_into_srgb(tmp_path):
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain = saved(tmp_path, Image.fromarray(RED), icc_profile=srgb)
    assert near(plain.pixels, (200, 30, 40), 2)
    wrong = saved(tmp_path, Image.fromarray(RED), icc_profile=lab.tobytes())  # a profile for other channels
    assert near(wrong.pixels, (200, 30, 40), 2)


def png_of(width, height):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b"\0" * 1000))
        + chunk(b"IEND", b"")
    )


def jpeg_bytes():
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (80, 100, 3), np.uint8)).save(buffer, "JPEG")
    return buffer.getvalue()


HOSTILE = {
    "a bomb": (png_of(60_000, 60_000), "million"),
    "too large to be shown": (png_of(9000, 9000), "9000×9000 pixels, more than 64 million"),
    "a wide bomb": (png_of(2**31 - 1, 2), "million"),
    "cut short": (jpeg_bytes()[:1500], "damaged or cut short"),
    "cut in its header": (jpeg_bytes()[:30], "damaged or cut short"),
    "a png that ends early": (png_of(100, 80), "damaged or cut short"),
    "nothing": (b"", "not a JPEG"),
    "a text": (b"hello\n" * 100, "not a JPEG"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n", "not a JPEG"),
    "svg": (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not a JPEG"),
}


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_files_are_a_sentence(tmp_path, kind):
    data, words = HOSTILE[kind]
    (tmp_path / "a.jpg").write_bytes(data)
    with pytest.raises(InputError, match=words) as raised:
        read_picture(tmp_path / "a.jpg")
    assert "a.jpg" in str(raised.value)


@pytest.mark.parametrize("cut", range(200, 1200, 100))
def test_flipped_bytes_raise_nothing_else(tmp_path, cut):
    data = bytearray(jpeg_bytes())
    data[cut // 3 :: cut] = bytes(255 - x for x in data[cut // 3 :: cut])
    (tmp_path / "a.jpg").write_bytes(bytes(data))
    with suppress(InputError):
        read_picture(tmp_path / "a.jpg")


@pytest.mark.parametrize("size", [(1, 1), (MIN_SIDE - 1, 500), (500, 1)])
def test_too_small(tmp_path, size):
    with pytest.raises(InputError, match="needs 64"):
        saved(tmp_path, Image.new("RGB", size))


def test_folder_and_missing(tmp_path):
    for path in (tmp_path, tmp_path / "no.jpg"):
        with pytest.raises(InputError, match="Cannot read"):
            read_picture(path)


def test_source_type_is_read_from_xmp(tmp_path):
    data = jpeg(RED, xmp_packet("trainedAlgorithmicMedia", "x 1"))
    assert stated_source_type(data) == "trainedAlgorithmicMedia"
    (tmp_path / "a.jpg").write_bytes(data)
    assert read_picture(tmp_path / "a.jpg").source_type == "trainedAlgorithmicMedia"
    assert stated_source_type(b"nothing") == ""


def test_nothing_of_the_camera_goes_on(tmp_path):
    exif = Image.Exif()
    exif[0x010F] = "Camera of Robin"
    exif.get_ifd(0x8825)[2] = (48.0, 12.0, 0.0)  # latitude
    found = saved(tmp_path, Image.fromarray(RED), "a.jpg", exif=exif, comment=b"shot at home")
    again = jpeg(found.pixels, xmp_packet("digitalCapture", "keyart 1", "CC BY 3.0 <somebody>"))
    with Image.open(io.BytesIO(again)) as image:
        assert dict(image.getexif()) == {} and "comment" not in image.info and "icc_profile" not in image.info
        assert b"&lt;somebody&gt;" in image.info["xmp"]
    assert b"Robin" not in again and b"home" not in again
