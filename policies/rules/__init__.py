"""Every rule, one file a family."""
