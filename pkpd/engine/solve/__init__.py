"""From segments to states: closed forms for what is linear, adaptive integration for the rest.

`linear_block` (`closed_form`, `matrix_exponential`) solves what is linear; `driving` says how it drives what is
integrated, in its `modes` (`modes_second`: second derivatives). `integrated` says what is to be integrated,
`integration` which method does it: a step over lanes, in the loop of `adaptive`, or SciPy's (`scipy_solver`).
`switches` and `crossings` find the moments at which equations change in a run (`scipy_switches` on SciPy's
path). `segment_start` is what happens when a segment begins (`start_arrays` gathers what it reads);
`steady_closed_form` and `steady_integrated` find steady states; `threads` shares out subjects.
"""
