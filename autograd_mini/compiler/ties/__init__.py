"""Settles compiled derivatives where something is tied, or a zero of the data meets inf."""
