"""Homes x agents -> Inventory: what is configured, what runs, what could not be read."""
