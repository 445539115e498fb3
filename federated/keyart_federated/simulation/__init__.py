"""Simulations: devices of a World in this process, and the campaigns that train on them.

The package uses the SDK, and of this one `campaigns`, `learning`, `rounds`, `secagg`, `experiments`, `metrics` and
`world`; `simulate` and the Flower apps use it.

setup               a world, and all that is varied beside it
devices             many devices, batched through the SDK's own functions; `impression_log`: what they showed
device_vectors      their vectors for an offer; `participation`: which of them answer it
local_fleet         a fleet in this process; `local_engine`: the devices in parts, and the campaign over them
training_run        a training campaign from its first request to its last model
simulation_outcome  the outcome before it is measured; `fairness`: some of its metrics
central_learner     the baseline that sees every log; `pooled_logs`: the logs of all devices
experiment_trial    an experiment on a World; `arm_simulation`: its devices, arm by arm
identities          keys of a simulation; `randomness`: its streams
"""
