"""No test is lost by the name of its file."""

from pathlib import Path

TESTS = Path(__file__).resolve().parent


def test_every_file_with_a_test_is_collected() -> None:
    """A function named test_ stands only in files that pytest collects."""
    lost = [
        str(file.relative_to(TESTS))
        for file in TESTS.rglob("*.py")
        if not file.name.startswith("test_") and "\ndef test_" in file.read_text(encoding="utf-8")
    ]
    assert lost == []
