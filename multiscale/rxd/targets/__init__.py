"""Kernel IR → callables: numpy (the readable reference), numba on the CPU, numba on CUDA."""
