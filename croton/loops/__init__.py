"""Loops taken apart: what is known without them, what is lifted out, and the recurrence that is left."""
