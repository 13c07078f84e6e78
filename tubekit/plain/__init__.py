"""The naive truth: each idea as its equation, in a few lines of NumPy or torch.

No options, no speed, no checks of input. The chapters print these functions, and tests and
benchmarks hold the library against them; the library never imports them.
"""
