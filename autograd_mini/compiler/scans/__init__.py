"""`scan` compiled: one step as scalars, run in a loop, and its derivatives, which are such loops again."""
