"""Running a Pulumi program in this process, and saying what went wrong in it."""

import os
import runpy
import sys
import traceback
from pathlib import Path

import pulumi


def run_program(entry: Path) -> None:
    """Run a program, a folder with `__main__.py` or a file, as `python` would; its folder is on sys.path meanwhile.

    Raises what the program raises; pulumi.RunError if there is none.
    """
    if entry.is_dir() and not (entry / "__main__.py").is_file():
        raise pulumi.RunError(f"unable to find main python program `__main__.py` in `{entry}`")
    # run_path does this itself for a folder, not for a file.
    folder = [] if entry.is_dir() else [str(entry.parent)]
    sys.path[:0] = folder
    try:
        runpy.run_path(str(entry), run_name="__main__")
    finally:
        for name in folder:
            sys.path.remove(name)


def explain(failure: BaseException, entry: Path) -> str:
    """Return the message for a failed program: its traceback from its own first line on, and a hint for a missing module."""
    text = "Program failed with an unhandled exception:\n" + "".join(_traceback(failure, entry))
    if isinstance(failure, ModuleNotFoundError) and failure.name is not None:
        text += (
            f"\nhint: {failure.name.partition('.')[0]} is not installed for {sys.executable}. "
            "`make up` installs what the project needs into .venv; run Pulumi with that environment."
        )
    return text


def _traceback(failure: BaseException, entry: Path) -> list[str]:
    if isinstance(failure, SyntaxError) and failure.filename == str(entry / "__main__.py" if entry.is_dir() else entry):
        return traceback.format_exception_only(failure)  # the program itself: it has no frame yet
    files = [frame.filename for frame in traceback.extract_tb(failure.__traceback__)]
    program, host = str(entry if entry.is_dir() else entry.parent) + os.sep, str(Path(__file__).parent) + os.sep
    own = (n for n, file in enumerate(files) if file.startswith(program) and "site-packages" not in file)
    foreign = (n for n, file in enumerate(files) if not file.startswith(host))
    return traceback.format_exception(failure, limit=next(own, next(foreign, 0)) - len(files))
