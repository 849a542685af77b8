"""The data that stages pass on: arguments, scalars, programs of packs, requests; and what builds programs."""
