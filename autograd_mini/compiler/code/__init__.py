"""From operations on scalars to machine code."""
