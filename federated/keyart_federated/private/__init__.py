"""Private rounds: what each device sends is clipped, rounded, noised and masked before it leaves, and paid for.

privacy      a budget, and the plan that spends it
population   what one noised sum tells about who there is
information  what several noised gradients tell together
learner      the server's step
ranker       the rounds
guard        whether honest devices can make a sum
evaluation   what a sum tells of a candidate model
segments     the same, and rates, by device class and daypart
checkpoint   where a campaign stands, on the disk
vectors      the devices' integers
node         a node as the gateway of its devices
wire         what server and nodes say
"""

from .privacy import Plan, Privacy

__all__ = ["Plan", "Privacy"]
