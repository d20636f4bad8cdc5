"""How containers are reached: addresses, bridges, endpoints, published ports."""
