"""Inspection of keyart's files and folders: a document of plain values, and tables of it. Each kind has one file."""

from .file_kinds import KINDS, FileKind, kind_at

__all__ = ["KINDS", "FileKind", "kind_at"]
