"""Rounds on Flower: a ServerApp that drives a round, and a relay on each gateway's SuperNode.

wire        what the two say to each other
waiting     how they wait, and outlast a database that is away
environment what their processes are told from outside
gateways    nodes that come and go, fail, and are asked again
relay       the ClientApp: one stage of a round at one gateway
coordinate  the ServerApp: all stages of a round, over the gateways
link        what runs rounds: a SuperLink and its SuperNodes on this machine, or a SuperLink elsewhere
node        the SuperNode of one gateway, for a SuperLink elsewhere

Nothing counts but what is in the database, so that each of these processes may be killed at any moment.
"""
