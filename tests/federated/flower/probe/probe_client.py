"""ClientApp of the probe: adds up what it is sent, in the state that Flower keeps for its node."""

import os

from flwr.app import Array, ArrayRecord, ConfigRecord, Message, RecordDict
from flwr.clientapp import ClientApp

app = ClientApp()


@app.train("sum")
def add(message, context):
    memory = context.state.setdefault("memory", ConfigRecord({"total": 0}))
    memory["total"] += message.content["sent"]["number"] + context.node_config["partition-id"]
    array = message.content["arrays"]["flat"].numpy()
    said = ConfigRecord({"total": memory["total"], "name": context.node_config["name"], "pid": os.getpid()})
    return Message(RecordDict({"said": said, "arrays": ArrayRecord({"flat": Array(array * 2)})}), reply_to=message)
