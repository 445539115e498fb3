"""What may leave a device, and only this: an integer vector for one campaign.

`layout` names the vector's places, `gradient` fills the training part from the device's own log, `quantise` turns
it into integers, `campaign` reads an offer and decides whether to answer it.
"""
