"""A call of a compiled function: from its arguments to the plans that serve them, and to results."""
