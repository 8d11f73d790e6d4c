"""A day, call by call: what is carried, refused, queued and lost where no formula speaks of it. Pure; each module is imported
by name.

`day` holds the inputs, `run` plays them, `outcome` is what comes back, `of_plan` makes a day of a capacity plan. The same day
with the same seed gives the same outcome; the calls depend on the traffic and the seed alone, so that two fleets meet the same
calls. Little's law and the conservation of calls and tokens are checked on every run.
"""
