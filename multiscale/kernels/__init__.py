"""What every compiled kernel stands on: numba's settings, printed elementary functions, files named by their hash."""
