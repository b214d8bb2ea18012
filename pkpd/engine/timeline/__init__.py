"""From doses and sample times to segments in which everything is smooth.

`dosing_terms` computes what a model says of doses (`terms`), `deliveries` turns records into what enters when,
`segments` cuts one subject's time there, `timeline` lays out one subject and all of them. `event_rows` cuts at the
model's own times; `proportional` scales a time line for subjects who differ only in how much of a dose arrives.
"""
