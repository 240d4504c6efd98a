"""Pure: the wire formats of model APIs, each read into the same few values. Standard library only."""
