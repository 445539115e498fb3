"""What may leave a device, and only this: an integer vector for one round of one campaign.

campaign      the one door: judges a server's messages, answers, and writes down before an answer leaves
offer         a round of a campaign, signed by the server
limits        what a device demands of it
budget        what it costs a person
enrolment     the device's key and its certificate
vectors       what is asked for, by kind: `noised` (training, population), `bounded` (the other statistics),
              `experiment` (what `lived` measures of an arm), `evaluation` and `segments`
clip, skellam a vector becomes integers with noise
sums          and is masked, so that a server learns the sum alone
round         a round in progress, between two messages
contribution  the receipt
plain         the unprotected way, for closed test fleets: `training`, in fixed point

`layout` names the places of vectors, `gradient`, `population` and `together` compute them, here and in simulations.
"""
