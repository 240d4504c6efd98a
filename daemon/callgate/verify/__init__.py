"""For MCP servers: accept only what a device's gate has approved and signed. Needs nothing of the daemon."""
