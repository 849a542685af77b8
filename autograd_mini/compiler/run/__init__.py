"""Programs in machine code: what runs, on which memory, in which order and by how many threads."""
