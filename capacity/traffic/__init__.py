"""Traffic theory: how often a call finds no room, and how much room a target needs. Import its modules by name.

`erlang` holds random calls on like servers, `peaked` burstier ones by approximation, `mmpp` the same exactly, `multiclass` calls
of different sizes with reservation, `caps` tenants with limits and guarantees on one fleet. Loads are offered erlangs throughout:
calls a second times mean seconds held, blocked calls included.
"""
