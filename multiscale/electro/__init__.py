"""Electrophysiology: stimuli and channels."""
