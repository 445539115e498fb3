"""A lying server: it tells each device another story of who shared and who survived, and must gain nothing."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest

from keyart.secagg import Stage, graph
from keyart.secagg import messages as wire
from keyart.secagg.key_agreement import derive_key, unseal
from keyart.secagg.shamir import join_shares

Story = Callable[[int, int], bool]  # what device w is told of its neighbour v


def always(w: int, v: int) -> bool:
    return True


@dataclass
class Loot:
    """What a server has after its lies: of whom the self-mask, and of whom the masking seed."""

    self_masks: set[int] = field(default_factory=set)
    masking: set[int] = field(default_factory=set)
    masked_with: dict[int, set[int]] = field(default_factory=dict)

    def readable(self) -> list[set[int]]:
        """Sets whose sum it can read: self-masks of all, no mask left with anybody outside, nor a one-sided one."""
        left = set(self.masked_with) - self.masking
        sets, seen = [], set()
        for start in left:
            if start in seen:
                continue
            part, todo = set(), [start]
            while todo:
                v = todo.pop()
                if v in part:
                    continue
                part.add(v)
                todo += [w for w in left if w in self.masked_with[v] or v in self.masked_with[w]]
            seen |= part
            one_sided = any(w in left and v not in self.masked_with[w] for v in part for w in self.masked_with[v])
            if part <= self.self_masks and not one_sided:
                sets.append(part)
        return sets


class Liar:
    """Plays a server against real sessions. shared: what they are told of who dealt shares, survived: of who lives.
    cheat: takes packets out of the devices' memory without locks and pads, to show that the attack would work.
    """

    def __init__(self, fleet, shared: Story = always) -> None:
        self.fleet, self.sessions = fleet, fleet.sessions
        self.all_pads = {row: session._pads(fleet.n - 1) for row, session in fleet.sessions.items()}
        fleet.stage(Stage.KEYS)
        fleet.coordinator.close()
        fleet.stage(Stage.SHARE)
        fleet.coordinator.close()
        coordinator, round_id = fleet.coordinator, fleet.terms.round_id
        self.graph, self.ring = coordinator._graph, coordinator._ring
        self.neighbours, self.shares = coordinator._neighbours, coordinator._shares
        self.loot, self.pads = Loot(), {}
        for w, near in self.neighbours.items():
            flags = [shared(w, v) for v in near]
            sealed = [self.shares[v].sealed[-1 - i] for i, v in enumerate(near) if flags[i]]
            reply = fleet.answer(w, wire.MaskedRequest(flags, sealed).to_bytes(round_id))
            if reply is not None:
                masked = [v for v, flag in zip(near, flags, strict=True) if flag]
                pads = wire.MaskedReply.from_bytes(reply, fleet.terms, len(masked)).pads
                self.loot.masked_with[w] = set(masked)
                self.pads[w] = {v: pads[20 * i : 20 * i + 20] for i, v in enumerate(masked)}

    def ask(self, survived: Story, *, cheat: bool = False) -> Loot:
        round_id = self.fleet.terms.round_id
        locks: dict[int, dict[int, bytes]] = {v: {} for v in self.neighbours}
        answers = {}
        for w, near in self.neighbours.items():
            if w not in self.pads:
                continue
            session = self.sessions[w]
            told = [survived(w, v) and v in self.loot.masked_with[w] for v in near]
            reply = self.fleet.answer(w, wire.UnmaskRequest(told).to_bytes(round_id))
            if reply is None:
                continue
            answer = wire.UnmaskReply.from_bytes(reply, round_id, told)
            held = [(v, alive, i) for i, (v, alive) in enumerate(zip(near, told, strict=True)) if answer.held[i]]
            for (v, _, _), share in zip([h for h in held if h[1]], answer.locks, strict=True):
                locks[v][w] = share
            plain = [session.held[i][40:] if alive else session.held[i][20:40] for _, alive, i in held]
            answers[w] = (held, answer.locked, plain)
        self_masks: dict[int, dict[int, bytes]] = {v: {} for v in self.neighbours}
        masking: dict[int, dict[int, bytes]] = {v: {} for v in self.neighbours}
        for w, (held, locked, plain) in answers.items():
            lock = self.rebuilt(w, locks[w])
            content = unseal(derive_key(lock, round_id, "lock key"), locked, round_id) if lock else None
            if cheat:
                content = b"".join(plain)
            if content is None:
                continue
            for j, (v, alive, _) in enumerate(held):
                share = content[20 * j : 20 * j + 20]
                if not alive:
                    masking[v][w] = share
                elif cheat:
                    self_masks[v][w] = xor(share, self.pad(v, w))
                elif w in self.pads.get(v, ()):
                    self_masks[v][w] = xor(share, self.pads[v][w])
        self.loot.self_masks = {v for v in self_masks if self.rebuilt(v, self_masks[v])}
        self.loot.masking = {v for v in masking if self.rebuilt(v, masking[v])}
        return self.loot

    def pad(self, dealer: int, holder: int) -> bytes:
        """Out of the dealer's memory."""
        i = self.neighbours[dealer].index(holder)
        return self.all_pads[dealer][20 * i : 20 * i + 20]

    def rebuilt(self, dealer: int, shares: dict[int, bytes]) -> bytes | None:
        """From the first t, all of which are honest here."""
        holders = {v: i for i, v in enumerate(self.neighbours[dealer])}
        chosen = sorted(shares, key=holders.__getitem__)[: self.graph.threshold]
        if len(chosen) < self.graph.threshold:
            return None
        return join_shares(tuple(holders[w] for w in chosen), [shares[w] for w in chosen])


def xor(a: bytes, b: bytes) -> bytes:
    return bytes(x ^ y for x, y in zip(a, b, strict=True))


def liar(fleet, n: int, shared: Story = always, threshold: float = 0.75) -> Liar:
    return Liar(fleet(n, threshold=threshold, size=2), shared)


def test_an_honest_story_reads_the_whole_sum(fleet):
    loot = liar(fleet, 12).ask(always)
    assert loot.self_masks == set(range(12)) and loot.readable() == [set(range(12))]


@pytest.mark.parametrize("said_dropped", range(12))
def test_a_victim_gives_up_one_secret_at_most(fleet, said_dropped):
    """So many of its eleven neighbours hear that it has dropped out, the others that it lives."""
    victim = 4
    one = liar(fleet, 12, threshold=0.6)
    hear = set(one.neighbours[victim][:said_dropped])
    loot = one.ask(lambda w, v: not (v == victim and w in hear))
    both = loot.self_masks & loot.masking
    t = one.graph.threshold
    assert both == set()
    assert (victim in loot.masking) == (said_dropped >= t)
    assert (victim in loot.self_masks) == (11 - said_dropped >= t)


@pytest.fixture
def ring(monkeypatch):
    """60 devices on a ring with 16 neighbours and the lowest threshold, 9, where others would be a complete graph."""
    monkeypatch.setattr(graph, "MIN_NEIGHBOURS", 16)
    monkeypatch.setattr(graph, "_reachable", lambda n, required, k: graph._min_threshold(k))
    graph._graph.cache_clear()
    yield
    graph._graph.cache_clear()


def isolation(one: Liar, victim: int) -> Story:
    """The story that cuts the victim off: each of its k neighbours is dropped to t of that one's neighbours, each of
    which hears this of k − t at most, so that it would answer; nobody hears it of the victim. Matched by augmenting
    paths."""
    k, t = one.graph.neighbours, one.graph.threshold
    load: dict[int, set[int]] = {w: set() for w in one.neighbours}  # w: of whom it hears that they dropped out

    def assign(v: int, tried: set[int]) -> bool:
        for w in one.neighbours[v]:
            if w in tried or v in load[w]:
                continue
            tried.add(w)
            if len(load[w]) < k - t:
                load[w].add(v)
                return True
            for other in list(load[w]):
                if assign(other, tried):
                    load[w].remove(other)
                    load[w].add(v)
                    return True
        return False

    assert all(assign(v, set()) for v in one.neighbours[victim] for _ in range(t))
    return lambda w, v: v not in load[w]


def test_without_locks_a_victim_on_the_ring_could_be_cut_off(fleet, ring):
    """The attack is real: with what the devices hold, but without locks, the server reads one vector."""
    one = liar(fleet, 60)
    loot = one.ask(isolation(one, victim=7), cheat=True)
    assert {7} in loot.readable()


def test_with_locks_it_cannot(fleet, ring):
    """Those that most take for dropped cannot tell on others."""
    one = liar(fleet, 60)
    loot = one.ask(isolation(one, victim=7))
    assert one.graph.neighbours == 16 and not one.fleet.refusals  # all have answered
    assert loot.self_masks & loot.masking == set()
    assert all(len(part) >= 20 for part in loot.readable())


def test_a_share_of_a_self_mask_is_nothing_without_the_dealers_pad(fleet):
    """The server hides some neighbours from a device while they hold its shares: these shares are of no use."""
    victim = 0
    hidden: list[int] = []

    def shared(w: int, v: int) -> bool:
        return w != victim or v not in hidden

    hidden += [1, 2, 3, 4]
    lie = liar(fleet, 12, shared, threshold=0.6)
    t = lie.graph.threshold
    assert t == 7 and len(lie.loot.masked_with[victim]) == 7
    # One neighbour that the victim has masked with falls silent: six are left of those, and the hidden four.
    loot = lie.ask(lambda w, v: not (v == victim and w == 5))
    assert victim not in loot.self_masks and loot.self_masks == set(range(1, 12))


def test_random_stories_read_no_small_sum(fleet, ring):
    rng = np.random.default_rng(5)
    sizes = []
    for _ in range(4):
        hide, kill = rng.random((60, 60)) < 0.15, rng.random((60, 60)) < 0.25
        group = rng.integers(0, 2, 60)
        one = liar(fleet, 60, lambda w, v: not hide[min(w, v), max(w, v)])  # noqa: B023
        loot = one.ask(lambda w, v: not (kill[w, v] and group[w] == 1))  # noqa: B023
        assert loot.self_masks & loot.masking == set()
        sizes += [len(part) for part in loot.readable()]
    assert all(size >= 20 for size in sizes)


def test_no_split_of_a_complete_graph_gives_both_kinds(fleet):
    """As numbers, for every size: those that say one thing and those that say the other."""
    from keyart.secagg import Graph, min_required

    for n in range(2, 60):
        one = Graph.of(n, min_required(n))
        for a, b in itertools.product(range(one.neighbours + 1), repeat=2):
            assert a + b > one.neighbours or a < one.threshold or b < one.threshold
