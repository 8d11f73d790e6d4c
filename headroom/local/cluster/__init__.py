"""A Kubernetes control plane on this machine: real API server, scheduler and controllers; nodes and pods by kwok."""
