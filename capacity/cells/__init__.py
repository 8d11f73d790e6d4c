"""More than one cluster: where verticals and tenants go so that the loss of any one cell is survived."""
