"""Pictures as images: in the DOT language, then as svg, png or pdf, in files and in notebooks."""
