"""The schema of the log: every field of a row, every kind of event, and every field of its detail."""
