"""Drawings of units in columns with lines between them: networks, and influence diagrams of functions."""
