"""Where the stand-in may write: the account of this home."""

from collections.abc import Mapping
from pathlib import Path

from headroom.local.standin.guard import NotLocal, Refusal, inside, local_home

STANDIN = "the Cloudflare provider; its account is a folder, and it writes only from a state under Headroom's own home"
FOLDER = "cloudflare"


def permitted(environ: Mapping[str, str]) -> Path | Refusal:
    """Return the folder of this home's accounts, one folder a stack, by the environment."""
    try:
        home = local_home(environ)
    except NotLocal as problem:
        return Refusal(STANDIN, str(problem), "cloudflare")
    folder = home / FOLDER
    return folder if inside(folder, home) else Refusal(STANDIN, f"the folder {folder} leads out of {home}", "cloudflare")
