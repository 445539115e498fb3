"""The HTTP gateway for devices: they fetch their requests here and submit their replies.

No state that matters is kept in memory, so any process can serve any device, and a kill costs only time.

discovery         which rounds and models are on offer
enrolment         certificates for device keys
tickets           how a device identifies itself within a round
round_cache       the constant properties of rounds
stage_requests    the request to a member at a stage
validation        checks of a single submission
submissions       stores many submissions in one transaction
submission_queue  batches the submissions of concurrent HTTP requests
rate_limits       rate limits per network address
binary_bodies     reads binary request bodies
heartbeat         reports that the gateway is alive
context           the objects that the routes share
routes            the routes, for `keyart serve` and for a standalone gateway
gateway_app       the application of a standalone gateway
standalone        runs a standalone gateway (`keyart gateway`)

The package uses `rounds`, `releases` (the offered model), `access` (enrolment), `state` and `http`.
"""
