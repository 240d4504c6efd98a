"""`callgate demo`: the whole product in a scratch home, with real processes and nothing left behind."""
