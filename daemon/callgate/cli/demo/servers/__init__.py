"""Small real MCP servers (stdio, standard library only) that the demo starts. They are run as scripts."""
