"""How fast gradients are: `python -m tests.benchmarks`. A report, never a test's pass condition."""
