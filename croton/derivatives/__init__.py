"""Derivatives, worked out on the nodes of the algebra in reverse mode."""
