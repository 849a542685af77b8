"""How every picture looks: what colours mean, the one font, texts measured by it."""
