"""Learning: how the global model follows from noised sums. Pure: values in, values out, randomness comes in.

It uses the SDK's model and campaign kinds, and of this package nothing but `types` and `rounding`; campaigns and
simulations build on it.

learner            the state of learning, its requests, and the step from a sum to the next model
learner_state      the part of it that a round changes; `learning_request`: the request of a round
newton             the step of the weights; `artwork_appeal`: the appeal of titles and artworks
information        gradients of several rounds; stiffness of the simulated curvature
curvature          Fisher information of simulated viewers, drawn from `viewer_population`
title_latents      latents of titles, from co-watch sums; `artwork_latents`: those of artworks
model, checkpoint  the global model; a learner as bytes
"""
