"""Formats that other programs read: one format a file, each with ``EXTENSIONS``, ``read`` and ``write``."""
