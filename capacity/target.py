"""Where an environment is deployed to: what is checked before anything is applied."""

from typing import Annotated

from pydantic import Field

from capacity.figures import Frozen

CloudflareId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""An account's or a zone's identifier, as its dashboard shows it."""


class CloudflareTarget(Frozen):
    """The Cloudflare account of an environment, and the zone in it that the calls come to."""

    account: CloudflareId
    zone: CloudflareId
    domain: str = Field(pattern=r"^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\.)+[a-z]{2,}$")
    """The zone's name; every host of the edge is one label below it, as far as its certificate reaches."""


class Target(Frozen):
    """The cluster and the account that an environment belongs to. Any other is refused."""

    kubernetes_context: str = Field(min_length=1)
    """The context of the kubeconfig that leads to the environment's cluster."""
    kubernetes_server: str | None = Field(default=None, pattern=r"^https://[^\s/?#]+(/[^\s?#]*)?$")
    """The address of its API server, as the context's cluster in the kubeconfig has it. Left out: the context's name is all that
    is compared, and two clusters of k3s call theirs `default` alike."""
    cloudflare: CloudflareTarget | None = None
    """Left out: the environment has no edge."""
