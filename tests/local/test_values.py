"""Property values on their way from and to the engine."""

from google.protobuf import struct_pb2
from hypothesis import given
from hypothesis import strategies as st

from headroom.local.kubernetes_standin.manifest import conceal
from headroom.local.standin.values import (
    HIDDEN,
    SIGNATURE,
    UNKNOWN,
    Hidden,
    Object,
    Tree,
    from_struct,
    has_secret,
    has_unknown,
    redact,
    reveal,
    to_struct,
)

LEAVES = st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(max_size=8)
TREES: st.SearchStrategy[Tree] = st.recursive(
    LEAVES,
    lambda trees: st.lists(trees, max_size=3) | st.dictionaries(st.text(max_size=5), trees, max_size=3) | trees.map(Hidden),
    max_leaves=12,
)
OBJECTS: st.SearchStrategy[Object] = st.dictionaries(st.text(max_size=5), TREES, max_size=4)


@given(OBJECTS)
def test_what_goes_to_the_engine_comes_back(properties: Object) -> None:
    """Every tree, secrets and whole numbers included, survives the wire."""
    assert from_struct(struct_pb2.Struct.FromString(to_struct(properties).SerializeToString())) == properties


def test_whole_floats_are_integers() -> None:
    """The wire knows only floats; Kubernetes wants 3, not 3.0, and keeps 0.5."""
    struct = struct_pb2.Struct()
    struct.update({"replicas": 3.0, "share": 0.5})
    read = from_struct(struct)
    assert read == {"replicas": 3, "share": 0.5}
    assert isinstance(read["replicas"], int)


def test_a_marked_object_is_a_secret() -> None:
    """The engine's signature makes a Hidden, at any depth, and goes back as the engine sent it."""
    struct = struct_pb2.Struct()
    sent = {"env": [{"value": {SIGNATURE: HIDDEN, "value": "hunter22"}}]}
    struct.update(sent)
    assert from_struct(struct) == {"env": [{"value": Hidden("hunter22")}]}
    assert to_struct(from_struct(struct)) == struct


@given(TREES)
def test_redacting_leaves_nothing_secret(tree: Tree) -> None:
    """A redacted tree has no Hidden, the same shape, and the same digests each time."""
    assert not has_secret(redact(tree))
    assert redact(tree) == redact(tree)
    if not has_secret(tree):
        assert redact(tree) == tree == reveal(tree)


def test_redacting_names_the_digest() -> None:
    """A secret leaf becomes the first twelve digits of its SHA-256; the value does not show in a repr either."""
    hidden = Hidden({"key": "opensesame", "count": 3})
    assert redact({"data": hidden}) == {"data": {"key": "sha256:d9fb92e3bbe6", "count": "sha256:4e07408562be"}}
    assert reveal({"data": hidden}) == {"data": {"key": "opensesame", "count": 3}}
    assert "opensesame" not in repr(hidden)


def test_the_contents_of_a_secret_are_secret() -> None:
    """A Secret's data is held secret even where the program did not say so; other kinds are left as they are."""
    manifest: Object = {"kind": "Secret", "data": {"a": "Yg=="}, "stringData": Hidden({"c": "d"})}
    assert conceal(manifest) == manifest | {"data": Hidden({"a": "Yg=="})}
    config: Object = {"kind": "ConfigMap", "data": {"a": "b"}}
    assert conceal(config) == config


def test_unknowns_are_found_anywhere() -> None:
    """In lists, in secrets, and inside longer strings."""
    trees: list[Tree] = [[{"a": UNKNOWN}], Hidden({"a": [UNKNOWN]}), f"https://{UNKNOWN}/path"]
    for tree in trees:
        assert has_unknown(tree)
    assert not has_unknown({"a": ["known", 1, None, Hidden("b")]})
