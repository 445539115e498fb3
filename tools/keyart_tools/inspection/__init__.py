"""What is in a file or folder of keyart's: a document of plain values, and tables of it. One file a kind."""

from .file_kinds import KINDS, FileKind, kind_at

__all__ = ["KINDS", "FileKind", "kind_at"]
