"""One step of every method as machine code, for several subjects at once, made for the model at hand.

A step is one function: from every lane's state it goes on by at most one step, measures its error, takes it or not, and
chooses the next one. The loop around it (`solve/adaptive.py`) has to do with a lane only where the lane has reached
something. `frame` says where everything stands.
"""
