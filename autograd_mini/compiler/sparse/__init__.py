"""Sparse Jacobians and Hessians: which of their entries can be other than 0, and programs for these alone."""
