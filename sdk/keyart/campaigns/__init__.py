"""The device's half of campaigns. Only an integer vector for one round of one campaign may leave a device.

participation judges a server's messages, answers, and writes down before an answer leaves
offer         a round of a campaign, signed by the server
limits        what a device demands of it
budget        what it costs a person
enrolment     the device's key and its certificate
kinds         the vector of each kind of campaign, a module each, and their registry
vectors       what every kind has in common: where its numbers come from, and how they become integers with noise
device_batch  the inputs of vectors that are computed for many devices at once
vector_layout the named places of a vector
round_state   a round in progress, between two messages
receipts      the log of what left the device

`keyart.dp` clips and adds noise, `keyart.secagg` masks, so that a server learns the sum alone. `training` and
`together` compute exact vectors for simulations.
"""
