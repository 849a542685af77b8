"""The look of all pictures: the meaning of colours, the one font, texts measured by it."""
