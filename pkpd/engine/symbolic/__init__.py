"""From a model's text to formulas: everything that computes with symbols, and nothing that computes with data.

`symbols` splits a model into a linear block and the states that are integrated; `event_times` finds the times at which
equations change by themselves, `switches` what else changes at once, `enclosure` bounds what depends on time;
`sensitivities` adds the equations of the derivatives, `second_order` those of second
ones; `output_derivatives` goes on to the outputs; `calculus` differentiates. `formulas` writes all of it as functions
of (time, a vector, a vector), and `structure` says how they are laid out. `dual_numbers` are numbers with derivatives.
"""
