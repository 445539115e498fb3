"""Checks of storage: profile, private keys, cache, free space."""

from __future__ import annotations

from .environment import Environment, Folder
from .finding import Finding, ok, problem, warning

MEGABYTE = 1_000_000
FREE_NEEDED = 100 * MEGABYTE  # a profile and a few bundles
FREE_WANTED = 1000 * MEGABYTE  # the tagger's models, a film, and a run beside them
OTHERS = 0o077  # permission bits of everybody but the owner


def profile(environment: Environment) -> Finding | None:
    """Check that a profile can be read by its owner only; None if no profile was given."""
    state, name = environment.profile, "profile"
    if state is None:
        return None
    if state.kind == "missing":
        return problem(name, f"{state.path} is not there", "Name the file that Personalizer.open was given.")
    if state.kind == "unreadable":
        return problem(name, f"{state.path} cannot be read", "Run keyart as the user who owns it.")
    if state.kind == "other":
        return problem(
            name,
            f"{state.path} is not a profile of keyart, or its header is damaged",
            "Restore it from a backup, or name the right file.",
        )
    if wide := [file for file in state.files if file.mode is not None and file.mode & OTHERS]:
        names = " ".join(str(file.path) for file in wide)
        return problem(name, f"others may open {wide[0].path} (mode {wide[0].mode:04o})", f"chmod 600 {names}")
    return ok(name, f"{state.path}: a profile, readable by its owner alone")


def keys(environment: Environment) -> Finding:
    """Check that only their owner can read private keys."""
    name = "private keys"
    wide = [key for key in environment.keys if key.mode is not None and key.mode & OTHERS]
    if wide:
        return problem(
            name,
            f"others may read {', '.join(f'{key.path} (mode {key.mode:04o})' for key in wide)}",
            f"chmod 600 {' '.join(str(key.path) for key in wide)}; if others use this machine, replace the keys",
        )
    count = len(environment.keys)
    return ok(name, f"{count} found, readable by their owner alone" if count else "none found")


def cache(environment: Environment) -> Finding:
    """Check that the cache can be written."""
    folder = environment.cache
    if not folder.writable:
        return problem("cache", f"{folder.path} cannot be written", "Set XDG_CACHE_HOME to a folder of your own.")
    return ok("cache", f"{folder.path}, {folder.used / MEGABYTE:,.0f} MB, writable")


def room(environment: Environment) -> Finding:
    """Check the free space on the file systems of the cache and the working folder; the fuller one counts."""
    tight: Folder = min((environment.cache, environment.here), key=lambda folder: folder.free)
    seen = f"{tight.free / MEGABYTE:,.0f} MB free at {tight.path}"
    remedy = "Free space there, or set XDG_CACHE_HOME and --out to another disk."
    if tight.free < FREE_NEEDED:
        return problem("free space", seen, remedy)
    if tight.free < FREE_WANTED:
        return warning("free space", seen, remedy)
    return ok("free space", seen)
