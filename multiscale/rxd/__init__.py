"""Reaction, diffusion and voltage: equations of a model on the nodes of a mesh, compiled and run."""
