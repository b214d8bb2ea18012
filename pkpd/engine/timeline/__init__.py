"""From doses and sample times to segments in which everything is smooth.

`dosing_terms` computes what a model says of doses (`terms`), `deliveries` turns records into what enters when,
`segments` cuts one subject's time there, `timeline` makes arrays of that, and `schedule` says which subject has which.
`lines` are time lines laid end to end. Where doses are only added, `at_once` computes those of all subjects together
from `columns` of doses and times; the others are built `one_by_one`. `event_rows` cuts at the times at which equations
change by themselves; `proportional` scales a time line for subjects who differ only in how much of a dose arrives.
"""
