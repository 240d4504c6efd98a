"""The HTTP shim: MCP servers reached over Streamable HTTP or HTTP+SSE, decided by the same code as those on stdio."""
