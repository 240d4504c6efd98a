"""The operating system behind small functions: the only code that asks which system this is."""
