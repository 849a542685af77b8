"""From scalars straight to code, without packs: for graphs of which few scalars share a form, such as deep recurrences,
and for small ones without matrix products."""
