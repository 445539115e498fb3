"""Rounds on Flower: a ServerApp that runs a round, and a ClientApp on each gateway's SuperNode.

stage_messages    the messages between the two
database_retries  waiting, and retries while the database is away
environment       what their processes read from environment variables
gateways          SuperNodes that come and go, fail, and are retried
client_app        the ClientApp (relay): one stage of a round at one gateway
server_app        the ServerApp: all stages of a round, over the gateways
superlink         runs rounds on a SuperLink of this machine, or on an external one
supernode         the SuperNode of one gateway, for an external SuperLink

All state is in the database, so each of these processes may be killed at any time. The package uses `rounds` and
`state`, and `keyart_federated.rounds` and `flower`.
"""
