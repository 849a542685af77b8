"""From a graph to a picture: its boxes and arrows, and the modules that they belong to."""
