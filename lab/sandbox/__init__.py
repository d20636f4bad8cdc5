"""The sandbox: where the engine and its containers live, apart from the host."""
