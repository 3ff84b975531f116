"""Splitting schemes: one a file, each a small value that says in which order the parts of a step come."""
