"""Serve the policy pack: the engine starts this file, in this folder."""

from policies.adapters.pack import serve

serve()
