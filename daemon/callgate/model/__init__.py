"""Pure: the nouns that all parts share."""
