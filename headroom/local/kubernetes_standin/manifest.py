"""What a manifest says of itself: which object it is, and what of it is secret."""

from headroom.local.standin.property_path import Path
from headroom.local.standin.values import Hidden, Object

# An object is these four; with another of them it is another object.
IDENTITY: frozenset[Path] = frozenset({("apiVersion",), ("kind",), ("metadata", "name"), ("metadata", "namespace")})
SECRET_FIELDS = ("data", "stringData")


def identity(manifest: Object) -> tuple[str, str, str | None, str]:
    """Return apiVersion, kind, namespace (None where the manifest has none) and name of a checked manifest."""
    metadata = manifest["metadata"]
    fields = metadata if isinstance(metadata, dict) else {}
    namespace = fields.get("namespace")
    return str(manifest["apiVersion"]), str(manifest["kind"]), str(namespace) if namespace else None, str(fields["name"])


def conceal(manifest: Object) -> Object:
    """Return the manifest with the contents of a Secret held secret, whether or not the program marked them."""
    if manifest.get("kind") != "Secret":
        return manifest
    hidden = {
        field: Hidden(value)
        for field in SECRET_FIELDS
        if (value := manifest.get(field)) is not None and not isinstance(value, Hidden)
    }
    return manifest | hidden
