"""Deep and irregular graphs, of which few scalars share a form: from scalars straight to code, without packs."""
