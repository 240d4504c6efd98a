"""What the operating system shows of agents: their processes, what started each, and ways round the gate."""
