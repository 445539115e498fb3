"""Checks of what runs a model: engines, telemetry, threads, the bundle, and the tagging models."""

from __future__ import annotations

from .environment import Environment
from .finding import Finding, ok, problem, warning

THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
TELEMETRY = "ORT_DISABLE_TELEMETRY"


def engines(environment: Environment) -> Finding:
    """Check whether onnxruntime can be imported; numpy always serves."""
    version = environment.installation.versions.get("onnxruntime")
    if environment.engine.error is None:
        return ok("engines", f"onnxruntime {version}, and numpy")
    return warning(
        "engines", f"numpy alone serves: {environment.engine.error}", "pip install --force-reinstall onnxruntime"
    )


def telemetry(environment: Environment) -> Finding:
    """Check onnxruntime's telemetry: keyart disables it before the import, other programs do not."""
    engine, name = environment.engine, "onnxruntime's telemetry"
    if engine.wrote:
        return problem(
            name, f"importing it wrote {', '.join(map(str, engine.wrote))}", f"export {TELEMETRY}=1, and report it"
        )
    if engine.traces:
        return warning(
            name,
            f"off in keyart, but another program has left {engine.traces[0]}",
            f"export {TELEMETRY}=1 wherever a program imports onnxruntime before keyart, and remove that file",
        )
    state = "off" if environment.variables.get(TELEMETRY) == "1" else "off in keyart, which sets the variable itself"
    return ok(name, f"{state}; importing it wrote nothing")


def threads(environment: Environment) -> Finding:
    """Check that BLAS runs one thread per process."""
    cores = environment.machine.cores
    many = [f"{name}={value}" for name in THREADS if (value := environment.variables.get(name, "1")) != "1"]
    if many:
        return warning(
            "threads",
            f"{' '.join(many)} on {cores} cores: with two threads rounds take twice as long as with one",
            f"unset {' '.join(entry.partition('=')[0] for entry in many)}; keyart takes one",
        )
    return ok("threads", f"{cores} cores, one BLAS thread a process")


def bundle(environment: Environment) -> Finding | None:
    """Check the bundle's rules and its scores on every engine; None if no bundle was given."""
    state, name = environment.bundle, "bundle"
    if state is None:
        return None
    if state.error is not None:
        return problem(name, f"{state.path}: {state.error}", "Fetch or export the bundle again.")
    vectors = ", ".join(f"{count} vectors reproduced on {engine}" for engine, count in state.reproduced.items())
    seen = f"{state.path}: model {state.model_version} is whole, {vectors}"
    if state.created is not None and state.created > environment.machine.now:
        return warning(name, f"{seen}; made at {state.created:%Y-%m-%d %H:%M}, which is to come", "Set the clock.")
    return ok(name, seen)


def models(environment: Environment) -> Finding:
    """Check the models of `keyart tag`."""
    name = "tagger's models"
    states = environment.models
    if changed := [model for model, state in states.items() if state == "changed"]:
        return problem(
            name, f"not as published (sha256): {', '.join(changed)}", f"keyart models fetch {' '.join(changed)}"
        )
    if missing := [model for model, state in states.items() if state == "missing"]:
        return warning(name, f"not fetched: {', '.join(missing)}", "keyart models fetch, if films are to be tagged")
    return ok(name, f"{', '.join(states)}: fetched, sha256 as published")
