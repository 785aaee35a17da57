"""From values as they were written to values as they are best computed."""
