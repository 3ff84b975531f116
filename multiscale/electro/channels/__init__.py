"""Channels and pumps, one a file: each function returns plain processes, ready for ``Model(*hh(plasma))``."""
