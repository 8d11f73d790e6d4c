"""Classes of volumes, and who may claim which."""
