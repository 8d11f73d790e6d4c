"""Where the services of the stack are found by the pods that call them."""

from dataclasses import dataclass

from components.network import Peer, in_namespace


@dataclass(frozen=True)
class Address:
    """A service of the stack."""

    variable: str
    """The environment variable by which pods are told of it."""
    namespace: str
    service: str
    port: int
    scheme: str = "http"

    @property
    def url(self) -> str:
        """Where it answers within the cluster."""
        return f"{self.scheme}://{self.service}.{self.namespace}.svc:{self.port}"

    @property
    def peer(self) -> Peer:
        """Its pods."""
        return in_namespace(self.namespace, self.port)

    @property
    def environment(self) -> dict[str, str]:
        """The variable of a container that calls it."""
        return {"name": self.variable, "value": self.url}
