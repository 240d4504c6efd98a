"""Pure: what a server says of its tools: digests, differences, and what in a text is meant for the model."""
