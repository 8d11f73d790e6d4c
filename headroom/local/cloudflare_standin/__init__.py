"""Headroom's local stand-in for Pulumi's Cloudflare provider: an account that is a folder.

It proves the program, the engine, the arguments' names and types and the order of Durable Object migrations; not the
official provider's diffs, nor that Cloudflare would accept or run any of it.
"""
