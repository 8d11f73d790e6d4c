"""The laptop target: an engine, stand-ins for what package registries do not bring, and a control plane.

It knows nothing of the product.
"""
