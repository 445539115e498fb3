"""The report of an experiment, as a page and as JSON."""

from .experiment_page import page, write_page
from .experiment_summary import summary

__all__ = ["page", "summary", "write_page"]
