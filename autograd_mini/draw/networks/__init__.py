"""Units in columns with lines between them: networks, and which outputs each input influences."""
