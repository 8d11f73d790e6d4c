"""The environments: one spec and one forecast lock each, and the wiring of the components."""
