"""The door of a gateway: devices fetch their questions by HTTP and hand in their answers.

It keeps nothing in memory that counts, so any process serves any device, and a kill costs nothing but time.

current     what a device may do now
enrolment   whose key is certified as a device's
tickets     who is who in a round, without saying so
rounds      what does not change in a round
questions   what a member is asked
answers     what a device hands in
register    many answers, in one transaction
intake      gathers the answers of concurrent requests for it
rates       how often one address may ask
bodies      reads what is sent
door        what all routes share
routes      the addresses, for `keyart serve` and for a gateway alone
app         the latter, for `keyart gateway`
"""
