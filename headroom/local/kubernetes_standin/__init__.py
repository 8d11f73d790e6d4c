"""Headroom's local stand-in for Pulumi's Kubernetes provider: previews any stack, writes to a folder or a loopback cluster.

It proves the program, the engine, the policies and, with a cluster, the API server's verdict; not the official provider's await
logic, diffs and replacements.
"""
