"""Pure: what several channels saw of one action, joined; and the story that the rows of one run of an agent tell."""
