"""The gate: rules that judge what will be created, not what somebody meant to create."""
