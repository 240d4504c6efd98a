"""A witness of a fleet's logs: it signs that each continues what it saw before, and refuses what does not."""
