"""Devices of a World that visit a server: what `simulate` does in one process, over HTTP.

Beside `keyart serve` with a training campaign that runs:

    python examples/served_world.py --url http://127.0.0.1:8080 --vouchers vouchers.txt --bundle DATA/first \
        --root DATA/tuf/root.json --server-key HEX --issuer-key HEX --world synthetic --rounds 3 --steps 10

Every device meets its impressions, hands in its vector when the server asks, and installs the model that comes of it.
Each device uses one voucher of the issuer; both keys are public. Prints a line of JSON for whatever happens.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import numpy as np
from visiting_devices import Device, transport

import keyart
from keyart_federated import World, worlds

POLICY = keyart.Policy(stickiness=timedelta(0))  # as in a simulation, each impression is a draw of its own
PAUSE_SECONDS = 0.3


class WorldDevice(Device):
    """A device of a world, by its number."""

    def __init__(
        self, world: World, number: int, home: Path, bundle: Path, root, limits, send, issuer, voucher, seed: int = 0
    ):
        self.world = world
        rng = np.random.default_rng([seed, number])  # the numbers by which the simulated device draws, too
        rest = (world.catalog, bundle, root, limits, send, issuer, voucher)
        super().__init__(number, home, *rest, rng=rng, policy=POLICY)
        self._art.record_many(world.history(number))

    def watch(self, titles: int = 0) -> None:
        """Do nothing: the world decides what is shown, and when."""

    def play(self, first: int, steps: int) -> None:
        """Play `steps` impressions, starting at impression `first`."""
        for step in range(first, first + steps):
            title, context = self.world.impression(self.number, step)
            decision = self._art.choose(title, context)
            self._art.observe(decision.id, self.world.outcome(self.number, step, decision.artwork_id))

    @property
    def model_version(self) -> int:
        return self._art.model_version


def play_and_train(devices: Sequence[WorldDevice], rounds: int, steps: int, seconds: float = 600.0) -> None:
    """Play `rounds` times `steps` impressions; after each, visit the server until all have its next model.

    Raises TimeoutError where that takes more than `seconds`.
    """
    for number in range(rounds):
        for device in devices:
            device.play(number * steps, steps)
        wanted, end = devices[0].model_version + 1, time.monotonic() + seconds
        while any(device.model_version < wanted for device in devices):
            if time.monotonic() > end:
                raise TimeoutError(f"Model {wanted} has not come within {seconds:.0f} s; see the campaign's page.")
            for device in devices:
                if device.model_version < wanted:
                    device.turn()
            time.sleep(PAUSE_SECONDS)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--issuer-url", help="of the issuer; by default the server is its own")
    parser.add_argument("--vouchers", type=Path, required=True, help="of the issuer, one a line and device")
    parser.add_argument("--bundle", type=Path, required=True, help="the first bundle, for the world's catalogue")
    parser.add_argument("--root", type=Path, required=True, help="the trusted root")
    parser.add_argument("--server-key", type=bytes.fromhex, required=True, help="public, signs offers")
    parser.add_argument("--issuer-key", type=bytes.fromhex, required=True, help="public, certifies devices")
    parser.add_argument("--world", default="synthetic", help="as for `keyart simulate`")
    parser.add_argument("--world-settings", type=json.loads, default={}, help="JSON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="impressions of a device in a round")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--min-devices", type=int, default=20, help="in a round that these devices answer")
    parser.add_argument("--epsilon", type=float, default=8.0, help="that a device ever gives away")
    given = parser.parse_args(arguments)
    limits = keyart.Limits(
        servers=[given.server_key],
        issuers=[given.issuer_key],
        minimum_devices=given.min_devices,
        epsilon=given.epsilon,
        contributions_a_day=1000,
    )
    world, send = worlds.load(given.world, **given.world_settings), transport(given.url.rstrip("/"))
    issuer = transport((given.issuer_url or given.url).rstrip("/"))
    vouchers = given.vouchers.read_text().split()
    root = given.root.read_bytes()
    with tempfile.TemporaryDirectory() as folder:
        devices = []
        for number in range(world.devices):
            home = Path(folder) / str(number)
            home.mkdir()
            rest = (given.bundle, root, limits, send, issuer, vouchers[number], given.seed)
            devices.append(WorldDevice(world, number, home, *rest))
        try:
            play_and_train(devices, given.rounds, given.steps)
        finally:
            for device in devices:
                device.close()


if __name__ == "__main__":
    main()
