"""What is on the wire: the Docker Engine API over HTTP, and the lab's extension beside it."""
