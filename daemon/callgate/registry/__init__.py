"""What is allowed, in the MCP Registry's own form: read, edited, and made into rules."""
