"""The form for uploading one file. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from ..http.body_limits import MAX_BODY_BYTES

FORM_OVERHEAD_BYTES = 10_000  # the other fields and the boundaries of the form


@dataclass(frozen=True, slots=True)
class UploadForm:
    """A form with one file field.

    Attributes:
        action: address that receives the form.
        label: label of the file field.
        accept: file name endings, as in the attribute `accept`.
        help: sentence below the field.
        button: label of the button.
        compress: whether the browser may compress the file with gzip before it is sent.
        error: what is wrong with the file that was sent, or "".
        legend: title of the choices, if there are some.
        choice: name of the field of the choices.
        choices: value, label and explanation of each.
        chosen: value that is chosen at first.
    """

    action: str
    label: str
    accept: str
    help: str
    button: str
    compress: bool = False
    error: str = ""
    legend: str = ""
    choice: str = ""
    choices: tuple[tuple[str, str, str], ...] = ()
    chosen: str = ""
    max_bytes: int = MAX_BODY_BYTES - FORM_OVERHEAD_BYTES
