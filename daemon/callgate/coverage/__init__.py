"""Coverage: which ways of an agent to its tools, servers and model pass the gate, as far as that was proved."""
