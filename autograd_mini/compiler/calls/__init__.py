"""One call: from arguments to the plans that serve them, and to results."""
