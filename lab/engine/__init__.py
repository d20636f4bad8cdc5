"""Docker's rules: what may be done with containers, images and networks, and what follows."""
