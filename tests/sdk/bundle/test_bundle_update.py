"""Updates up to a version: what a staged roll-out asks of a device. What attackers try is in tests/attacks."""

from __future__ import annotations

import pytest
import repository_samples as sites

from keyart.bundle.update import install_update
from keyart.errors import BundleRefused, UpdateError


@pytest.fixture
def site(tmp_path):
    return sites.repository(tmp_path, 1, 2, 4)


@pytest.fixture
def taken(site):
    device = sites.device(site)

    def take(newest=None):
        install_update(
            device.slots, device.home / "tuf", device.fetch, root=device.root, canary=device.canary, newest=newest
        )
        return device.version

    take.device = device
    return take


@pytest.mark.parametrize(("newest", "version"), [(None, 4), (9, 4), (4, 4), (3, 2), (2, 2), (1, 1), (0, None)])
def test_the_newest_that_is_allowed(taken, newest, version):
    assert taken(newest) == version


def test_a_device_never_goes_back(taken, site):
    """As it widens, is held, and is withdrawn by going forward."""
    assert [taken(newest) for newest in (2, 4, 2, 1, 0)] == [2, 4, 4, 4, 4]
    sites.publish(site, 5)
    assert [taken(newest) for newest in (4, 5)] == [4, 5]


def test_nothing_beyond_it_is_fetched(taken):
    taken(2)
    asked = [path for path in taken.device.asked if path.startswith("targets/")]
    assert asked and all(path.startswith("targets/2/") for path in asked)
    taken.device.asked.clear()
    taken(2)
    assert not [path for path in taken.device.asked if path.startswith("targets/")]


def test_metadata_is_judged_whatever_is_allowed(taken, tmp_path):
    taken(4)
    older = sites.repository(tmp_path / "other", 1, 2)
    device = sites.Device(tmp_path / "device", older.folder, older.trusted_root)
    with pytest.raises(BundleRefused, match="only go forward"):
        install_update(device.slots, tmp_path / "new-tuf", device.fetch, root=device.root, canary=None, newest=2)
    taken.device.answers["metadata/timestamp.json"] = b"{}"
    with pytest.raises(UpdateError):
        taken(1)
