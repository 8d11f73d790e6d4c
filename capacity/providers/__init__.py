"""Speech model providers: what a session asks of one, what an account's limits carry, who takes over in an outage. Pure.

`conversation` computes the tokens of a session, `limits` holds what a spec says of providers, `ceiling` turns limits into
sessions, `refusals` gives the chance of a 429, `oversubscription` what may be sold on one account, `failover` who carries what
while others are out.
"""
