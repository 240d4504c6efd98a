"""What stands between an agent and a server: standard library only, no import of the rest of the package."""
