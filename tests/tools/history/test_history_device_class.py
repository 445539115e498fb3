"""Device names as services write them."""

from __future__ import annotations

import pytest

from keyart_tools.history.device_class import device_class


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Samsung CE 2020 Nike-L UHD TV Smart TV", "tv"),
        ("Sony CE Sony Android TV 2020 M5 Smart TV", "tv"),
        ("FireTV 4K Stick 2018", "tv"),
        ("Sony 2012 Blu-ray Players", "tv"),
        ("Apple TV 4K", "tv"),
        ("Sony PS5", "tv"),
        ("Google Chromecast V3 Streaming Stick", "tv"),
        ("Apple iPad Pro 12.9 in 5th Gen", "tablet"),
        ("DefaultWidevineAndroidTablets", "tablet"),
        ("Apple iPhone 13", "phone"),
        ("DefaultWidevineAndroidPhone", "phone"),
        ("Android DefaultWidevineL3", "phone"),
        ("Chrome PC (Cadmium)", "desktop"),
        ("Internet Explorer (Cadmium)", "desktop"),
        ("Safari MAC (Cadmium)", "desktop"),
        ("Netflix Windows App - Cadmium Windows Mobile", "phone"),
        ("tv", "tv"),
        ("phone", "phone"),
        ("tablet", "tablet"),
        ("desktop", "desktop"),
        ("", "other"),
        ("Refrigerator", "other"),
    ],
)
def test_device_classes(name: str, expected: str) -> None:
    assert device_class(name) == expected
