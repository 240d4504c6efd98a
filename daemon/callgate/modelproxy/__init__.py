"""The model channel: what agents and models say to each other, read as it passes through the local proxy."""
