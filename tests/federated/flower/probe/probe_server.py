"""ServerApp of the probe: rounds of integers and one array to every node; the answers go to `result-path`."""

import json
import os
import time
from pathlib import Path

import numpy as np
from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.serverapp import ServerApp

app = ServerApp()


@app.main()
def main(grid, context):
    settings = context.run_config
    print("probe:", settings["behaviour"], settings["word"])
    if settings["behaviour"] == "raise":
        raise RuntimeError("the probe was told to fail")
    if settings["behaviour"] == "sleep":
        time.sleep(600)
    array = np.random.default_rng(7).standard_normal(40_000)  # float64, 320 kB, one object on the wire
    rounds = []
    for number in range(1, settings["rounds"] + 1):
        content = RecordDict(
            {"sent": ConfigRecord({"number": 10 * number}), "arrays": ArrayRecord({"flat": Array(array)})}
        )
        began = time.monotonic()
        # A list: a real SuperLink's grid walks it twice.
        messages = [Message(content, node, "train.sum", group_id=str(number)) for node in grid.get_node_ids()]
        replies = list(grid.send_and_receive(messages, timeout=60))
        rounds.append(
            {
                "seconds": time.monotonic() - began,
                "said": [dict(reply.content["said"]) for reply in replies],
                "exact": all((reply.content["arrays"]["flat"].numpy() == array * 2).all() for reply in replies),
            }
        )
    path = Path(settings["result-path"])
    partial = path.with_name(path.name + ".partial")
    partial.write_text(json.dumps({"rounds": rounds, "word": settings["word"], "env": os.environ["PROBE"]}))
    partial.replace(path)
