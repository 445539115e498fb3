"""Every error of keyart, in one tree. A message says what happened and what to do next.

KeyartError
├── InputError            the call is wrong: nothing was changed
│   ├── CatalogError      a catalogue, title or artwork that cannot be used
│   ├── ContextError      a context that cannot be used (a datetime without a zone, a weight that is NaN …)
│   ├── HistoryError      a view, an outcome or a history file that cannot be used
│   ├── SettingError      a setting outside its range
│   ├── UnknownTitle      no title of that id in the catalogue
│   └── UnknownDecision   no decision of that id in this profile
├── StoreError            the profile on disk
│   ├── WrongKey          the keys do not open this profile
│   ├── StoreDamaged      the file is not a profile, or bytes in it have changed
│   ├── StoreBusy         the profile is open in this process already, or its file in another one
│   ├── StoreFull         the disk is full, read-only or failing; what was stored before is still there
│   └── StoreClosed       used after close() or forget()
├── BundleError           a model bundle
│   ├── BundleMissing     no bundle where one was expected
│   ├── BundleDamaged     bytes differ from what the manifest, or the signed metadata, says
│   ├── BundleRefused     whole, but breaks a rule of `keyart.bundle.trust`
│   └── UpdateError       a newer bundle could not be fetched or verified; the installed one still serves
├── EngineError           the ranker cannot run (an engine that is not installed, scores that are not finite)
├── MessageError          bytes from a server that are not a message of keyart's protocol
├── BudgetSpent           a round would exceed a privacy budget; nothing was charged and nothing may be released
└── FederatedError        simulation and rounds (`keyart_federated`, `keyart_server`)
    ├── WorldError        a World that breaks its protocol
    ├── DataUnavailable   a data set, model or film could not be fetched, or has another checksum than expected
    ├── NoOverlap         a log shows too little of what a policy would show to say what it is worth
    ├── LedgerError       a privacy ledger that is damaged, in use, failing, or contradicts what is asked of it
    ├── ApiError          the HTTP API of a coordinating server refused a request or answered something else
    │   └── ServerUnreachable  the server did not answer, although safe requests were repeated
    └── RoundFailed       a round without replies, with a NaN or with a wrong shape; the last good model stays
        ├── SumUnopened   the masks of a sum cannot be removed, so that nothing of it was read
        └── SumRefused    a noised sum that honest devices do not make; the last good result stays
"""

from __future__ import annotations

from collections.abc import Collection


class KeyartError(Exception):
    """Base class of all errors of keyart."""


class InputError(KeyartError, ValueError):
    """The call is wrong; nothing was changed."""


class CatalogError(InputError):
    """A catalogue, title or artwork cannot be used."""


class ContextError(InputError):
    """A context cannot be used."""


class HistoryError(InputError):
    """A view, an outcome or a history file cannot be used."""


class SettingError(InputError):
    """A setting is out of range."""


class UnknownTitle(InputError):
    """The catalogue does not have the title."""


class UnknownDecision(InputError):
    """The profile does not have the decision."""


class StoreError(KeyartError):
    """The profile on disk cannot be used."""


class WrongKey(StoreError):
    """The keys do not open this profile."""


class StoreDamaged(StoreError):
    """The file is not a profile, or bytes in it have changed."""


class StoreBusy(StoreError):
    """The profile is open in this process already, or its file in another one."""


class StoreFull(StoreError):
    """The disk is full, read-only or failing; what was stored before is still there."""


class StoreClosed(StoreError):
    """The store was used after close() or forget()."""


class BundleError(KeyartError):
    """A model bundle cannot be used."""


class BundleMissing(BundleError):
    """There is no bundle where one was expected."""


class BundleDamaged(BundleError):
    """Bytes differ from what the manifest, or the signed metadata, says."""


class BundleRefused(BundleError):
    """The bundle is whole, but breaks a rule of `keyart.bundle.trust`."""


class UpdateError(BundleError):
    """A newer bundle could not be fetched or verified; the installed one still serves."""


class EngineError(KeyartError):
    """The ranker cannot run."""


class MessageError(KeyartError):
    """Bytes from a server are not a message of keyart's protocol."""


class BudgetSpent(KeyartError):
    """A round would exceed a privacy budget; nothing was charged and nothing may be released."""


class FederatedError(KeyartError):
    """A simulation or a round failed."""


class WorldError(FederatedError):
    """A World breaks its protocol."""


class DataUnavailable(FederatedError):
    """A data set, model or film could not be fetched, or has another checksum than expected."""


class NoOverlap(FederatedError):
    """A log shows too little of what a policy would show to estimate its value."""


class LedgerError(FederatedError):
    """A privacy ledger is damaged, in use, failing, or contradicts what is asked of it."""


class ApiError(FederatedError):
    """The HTTP API of a coordinating server refused a request, or the answer is not one of keyart's API."""


class ServerUnreachable(ApiError):
    """The coordinating server did not answer."""


class RoundFailed(FederatedError):
    """A round had no replies, a NaN or a wrong shape; the last good model stays."""


class SumUnopened(RoundFailed):
    """The masks of a sum cannot be removed, so that nothing of it was read.

    Attributes:
        excluded: SHA-256, in hex, of the certified keys of devices that caused it; later rounds go without them.
    """

    def __init__(self, message: str, excluded: Collection[str] = ()) -> None:
        super().__init__(message)
        self.excluded = frozenset(excluded)


class SumRefused(RoundFailed):
    """Honest devices do not make such a noised sum; the last good result stays."""
