"""Export: a compiled function as a file in C99, with the interface by which CasADi loads functions."""
