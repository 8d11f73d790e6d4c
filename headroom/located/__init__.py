"""Files that people write, read so that every error names its file, line and path. Knows nothing of ours."""

from headroom.located.documents import child, read_document, validated
from headroom.located.errors import BadInput, Problem

__all__ = ["BadInput", "Problem", "child", "read_document", "validated"]
