"""Machine code: kernels for everything between the matrix products."""
