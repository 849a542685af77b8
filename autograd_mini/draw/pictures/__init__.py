"""Makes pictures of graphs: boxes and arrows, and the modules that they belong to."""
