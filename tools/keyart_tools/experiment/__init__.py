"""The report of an experiment, as a page and as JSON."""

from .page import page, write_page
from .summary import summary

__all__ = ["page", "summary", "write_page"]
