"""Pure: parse the formats of the agents' files, and edit one span while every other byte stays."""
