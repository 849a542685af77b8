"""From a function to a program: data in, data out."""
