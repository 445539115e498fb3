"""Where `keyart` requires onnxruntime: where it has wheels, and on no Android, whatever its Python calls itself."""

import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[2]
DEPENDENCIES = tomllib.loads((ROOT / "sdk" / "pyproject.toml").read_text("utf-8"))["project"]["dependencies"]
(ONNXRUNTIME,) = [entry for entry in map(Requirement, DEPENDENCIES) if entry.name == "onnxruntime"]
LINUX = {
    "implementation_name": "cpython",
    "os_name": "posix",
    "platform_machine": "x86_64",
    "platform_python_implementation": "CPython",
    "platform_release": "6.12.48+deb13-amd64",
    "platform_system": "Linux",
    "platform_version": "#1 SMP PREEMPT_DYNAMIC",
    "python_full_version": "3.12.8",
    "python_version": "3.12",
    "sys_platform": "linux",
}
ARM = {"platform_machine": "aarch64"}
OLD, NEW = {"python_version": "3.11"}, {"python_version": "3.14"}

REQUIRED = {
    "Linux, x86-64": {},
    "Linux, x86-64, an old kernel": {"platform_release": "5.4.0-150-generic"},
    "Linux, x86-64, Python 3.14": NEW,
    "Linux, 64-bit ARM": {**ARM, **OLD, "platform_release": "6.1.0-18-arm64"},
    "Raspberry Pi": {**ARM, **OLD, "platform_release": "6.6.20+rpt-rpi-v8"},
    "Linux, 64-bit ARM, Python 3.14, an old kernel": {**ARM, **NEW, "platform_release": "4.19.0-21-arm64"},
    "WSL": {"platform_release": "6.6.87.2-microsoft-standard-WSL2"},
    "macOS": {"sys_platform": "darwin", "platform_machine": "arm64", "platform_release": "25.0.0"},
    "macOS on Intel": {"sys_platform": "darwin", "platform_release": "24.6.0"},
    "Windows": {"sys_platform": "win32", "platform_machine": "AMD64", "platform_release": "11"},
    "Windows on ARM": {"sys_platform": "win32", "platform_machine": "ARM64", "platform_release": "11"},
}
LEFT_OUT = {
    # PEP 738 and 730: names of their own since Python 3.13.
    "Android": {**ARM, **NEW, "sys_platform": "android", "platform_system": "Android", "platform_release": "14"},
    "iOS": {**NEW, "sys_platform": "ios", "platform_machine": "arm64", "platform_release": "18.0"},
    # Python up to 3.12. Termux reports the kernel's own release; Chaquopy leaves it empty.
    "Termux, a kernel since 5.10": {**ARM, "platform_release": "5.10.198-android13-4-00050-g12f3388846c3"},
    "Termux, kernel 4.14": {**ARM, "platform_release": "4.14.186+"},
    "Termux, kernel 4.19": {**ARM, "platform_release": "4.19.157-perf-g3eee292b027c"},
    "Termux, kernel 4.4": {**ARM, "platform_release": "4.4.205-perf+"},
    "Chaquopy": {**ARM, **OLD, "platform_release": "", "platform_version": ""},
    "Chaquopy, 32 bits": {**OLD, "platform_machine": "armv7l", "platform_release": ""},
    "Chaquopy, an emulator": {**OLD, "platform_release": "", "platform_version": ""},
    "an emulator": {"platform_release": "5.10.21-android12-0-01145-ge82381ad9a3f-ab7230153"},
    "a 32-bit Linux": {"platform_machine": "armv7l"},
    "RISC-V": {"platform_machine": "riscv64"},
    "macOS on Intel, Python 3.14": {**NEW, "sys_platform": "darwin", "platform_release": "24.6.0"},
    "PyPy": {"implementation_name": "pypy", "platform_python_implementation": "PyPy"},
}


@pytest.mark.parametrize(
    ("environment", "required"),
    [pytest.param(environment, True, id=name) for name, environment in REQUIRED.items()]
    + [pytest.param(environment, False, id=name) for name, environment in LEFT_OUT.items()],
)
def test_onnxruntime_is_required_where_it_has_wheels(environment, required):
    assert ONNXRUNTIME.marker.evaluate(LINUX | environment) is required
