"""The audit log's one SQLite file: the only code that speaks SQL."""
