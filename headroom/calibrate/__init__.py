"""From usage measured in production to figures of the spec, each with its interval. It changes nothing by itself."""
