"""Running the program on the Pulumi engine, and reading what it said."""
