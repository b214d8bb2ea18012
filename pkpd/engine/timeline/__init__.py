"""From doses and sample times to segments in which everything is smooth.

`dosing_terms` computes what a model says of doses (`terms`), `deliveries` turns records into what enters when,
`segments` cuts one subject's time there, `timeline` makes arrays of that, and `schedule` lays those of many subjects
end to end. `event_rows` cuts at the times at which equations change by themselves; `proportional` scales a time line
for subjects who differ only in how much of a dose arrives.
"""
