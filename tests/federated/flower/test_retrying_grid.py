"""A grid that asks again: the first answer counts, in time or not at all."""

from __future__ import annotations

import pytest
from flwr.app import ConfigRecord, Context, Message, RecordDict
from flwr.clientapp import ClientApp
from support.local_grid import LocalGrid

from keyart_federated.flower.retrying_grid import RetryingGrid

app = ClientApp()


@app.train()
def count(message: Message, context: Context) -> Message:
    """Answer with how often this node was asked."""
    memory = context.state.setdefault("memory", ConfigRecord({"asked": 0}))
    memory["asked"] += 1
    return Message(RecordDict({"memory": ConfigRecord(dict(memory))}), reply_to=message)


class Clock:
    """A time that goes by where somebody sleeps."""

    now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class LateGrid(LocalGrid):
    """Answers of node 2 are kept back until so many questions were asked of it. late: how many."""

    late = 0

    def pull_messages(self, message_ids):
        kept = {f"message-{n}" for n in self.of_second[: self.late]} if len(self.of_second) <= self.late else set()
        return super().pull_messages([number for number in message_ids if number not in kept])

    def push_messages(self, messages):
        messages = list(messages)
        numbers = super().push_messages(messages)
        for message, number in zip(messages, numbers, strict=True):
            if message.metadata.dst_node_id == 2:
                self.of_second.append(number.removeprefix("message-"))
        return numbers


def grid_of(late: int = 0) -> LateGrid:
    grid = LateGrid(app, {n: Context(1, n, {}, RecordDict(), {}) for n in (1, 2, 3)})
    grid.late, grid.of_second = late, []
    return grid


def questions(grid: LocalGrid) -> list[Message]:
    return [Message(RecordDict(), dst_node_id=node, message_type="train") for node in grid.get_node_ids()]


def asked(replies) -> dict[int, int]:
    return {reply.metadata.src_node_id: int(reply.content["memory"]["asked"]) for reply in replies}


def test_answers_that_come_are_not_asked_for_again():
    grid, clock = grid_of(), Clock()
    assert asked(RetryingGrid(grid, 10.0, clock, clock.sleep).send_and_receive(questions(grid))) == {1: 1, 2: 1, 3: 1}
    assert clock.now == 0.0


@pytest.mark.parametrize(("late", "after"), [(1, 10.0), (2, 30.0), (3, 70.0)])
def test_only_who_has_not_answered_is_asked_again_after_twice_the_time(caplog, late, after):
    grid, clock = grid_of(late), Clock()
    replies = RetryingGrid(grid, 10.0, clock, clock.sleep).send_and_receive(questions(grid), timeout=600.0)
    assert asked(replies) == {1: 1, 3: 1, 2: 1}  # the first answer counts, whatever the last question was
    assert after < clock.now < after + 3.0
    assert caplog.text.count("1 of 3 nodes have not answered; they are asked again") == late


def test_patience_ends_with_the_time():
    grid, clock = grid_of(late=1000), Clock()
    replies = RetryingGrid(grid, 10.0, clock, clock.sleep).send_and_receive(questions(grid), timeout=100.0)
    assert sorted(asked(replies)) == [1, 3]
    assert 100.0 < clock.now < 102.0


def test_it_is_a_grid_like_the_one_behind_it():
    grid = grid_of()
    patient = RetryingGrid(grid)
    assert list(patient.get_node_ids()) == [1, 2, 3]
    patient.set_run(grid.run)
    assert patient.run is grid.run
    message = patient.create_message(RecordDict(), "train", 1, "group")
    (number,) = patient.push_messages([message])
    (reply,) = patient.pull_messages([number])
    assert reply.metadata.reply_to_message_id == number and not list(patient.pull_messages([number]))
