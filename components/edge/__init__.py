"""The edge: the tunnel to the pods, and the programs that admit and carry calls."""
