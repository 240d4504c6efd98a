"""Pure: what a command line launches, read through every layer around it, and what about it is in doubt."""
