"""Benchmarks: the same work here and in a peer, one bench a file in ``cases/``, run in turn by ``multiscale bench``."""
