"""The carrier: an account of somebody else, of which the stack has the claims alone."""
