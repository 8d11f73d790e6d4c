"""The TURN servers: relays for the calls whose media cannot go straight."""
