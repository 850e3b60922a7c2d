"""Files that are either complete or not there: written aside, synced, renamed, and checksummed.

::

    write_bytes   any file                 atomic
    write_json    {"checksum", "body"}     atomic, and read_json notices every change made behind our back
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from pathlib import Path
from typing import Any

from trainwright.core import RunFolderError

_REMEDIES = {
    errno.ENOSPC: "Free some space on that disk, then start again: what is written so far is complete and reused.",
    errno.EDQUOT: "Your quota is used up: free some space, then start again; what is written so far is reused.",
    errno.EACCES: "Make the folder writable, or choose another one.",
    errno.EPERM: "Make the folder writable, or choose another one.",
    errno.EROFS: "The file system is read-only: choose another folder.",
    errno.ENOTDIR: "A part of that path is a file, not a folder: choose another folder.",
    errno.EEXIST: "A part of that path is a file, not a folder: choose another folder.",
}


def cannot_write(path: Path, error: OSError) -> RunFolderError:
    """The error to raise where writing below ``path`` failed, with the remedy that fits the cause."""
    return RunFolderError(
        f"Cannot write {path}: {error.strerror or error}.",
        expected="A writable folder on a disk with room.",
        todo=_REMEDIES.get(error.errno or 0, "Check the disk and the folder, or choose another folder."),
    )


def make_folder(path: Path) -> Path:
    """Create a folder with its parents; ``RunFolderError`` where that cannot be done."""
    try:
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise cannot_write(path, error) from error
    return path


def write_bytes(path: Path, data: bytes) -> None:
    """Replace a file by ``data`` so that a reader, or a power cut, sees the old content or the new, never a part.

    Raises ``RunFolderError`` (folder unwritable, disk full) with the path and a remedy; the old content then remains.
    """
    make_folder(path.parent)
    aside = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        _write_synced(aside, data)
        aside.replace(path)
        _sync_folder(path.parent)
    except OSError as error:
        aside.unlink(missing_ok=True)
        raise cannot_write(path, error) from error


def _write_synced(path: Path, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove_leftovers(folder: Path) -> None:
    """Delete files that a killed process was still writing aside."""
    for aside in folder.glob(".*.tmp"):
        aside.unlink(missing_ok=True)


def write_json(path: Path, data: Any) -> None:
    """Write plain data with its checksum; NaN and infinities are kept, NumPy scalars and arrays become numbers.

    Raises ``RunFolderError`` where the file cannot be written and ``TypeError`` for data that JSON cannot hold.
    """
    body = json.loads(json.dumps(data, default=_plain))
    text = json.dumps({"checksum": _checksum(body), "body": body}, ensure_ascii=False, indent=1)
    write_bytes(path, text.encode())


def read_json(path: Path) -> Any:
    """The data that :func:`write_json` wrote.

    Raises ``RunFolderError`` naming the file where it is missing, truncated or was changed since.
    """
    try:
        content = json.loads(path.read_bytes())
        checksum, body = content["checksum"], content["body"]
    except FileNotFoundError:
        raise RunFolderError(
            f"The file {path} is missing.", expected="A complete run folder.", todo="Restore it, or start a new run."
        ) from None
    except OSError as error:
        raise RunFolderError(f"Cannot read {path}: {error.strerror}.", todo="Check its permissions.") from error
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(path, f"it is no complete JSON file ({error})") from None
    if checksum != _checksum(body):
        raise damaged(path, "its content does not match its checksum")
    return body


def damaged(path: Path, why: str) -> RunFolderError:
    """The error for a file that is truncated or was changed by somebody else."""
    return RunFolderError(
        f"The file {path} is damaged: {why}.",
        expected="The file exactly as this program wrote it.",
        todo="Restore it from a copy, or delete it: what it held is then computed again.",
    )


def digest(data: bytes) -> str:
    """SHA-256 in hexadecimal."""
    return hashlib.sha256(data).hexdigest()


def _checksum(body: Any) -> str:
    return digest(json.dumps(body, sort_keys=True, separators=(",", ":")).encode())


def _plain(value: Any) -> Any:
    """NumPy scalars and arrays, sets and paths as JSON knows them."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, set | frozenset):
        return sorted(value)
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be written as JSON: {value!r}")
