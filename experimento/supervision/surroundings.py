"""What a run is made with, so that it can be defended later: machine, clock, versions and code."""

import hashlib
import os
import platform
import re
import subprocess
import time
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import redis

from comun import store
from comun.errors import StoreUnavailable
from comun.settings import ROOT, Settings, bare_environment

PACKAGES = ("celery", "kombu", "redis", "flask", "granian")
_CPUS, _CLOCK = Path("/proc/cpuinfo"), Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")
_PATIENCE = 5.0  # seconds for git


def of_suite(settings: Settings) -> dict[str, Any]:
    """Return what only the suite's supervisor knows for certain of what it starts: settings, versions and code."""
    return {"settings": settings.shown(), "versions": versions(), **code()}


def of_machine() -> dict[str, Any]:
    """Return this machine and its clock; None for what it does not tell."""
    clock = time.get_clock_info("time")
    return {
        "machine": {
            "system": f"{platform.system()} {platform.release()} {platform.machine()}".strip(),
            "cpu": _cpu(),
            "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
            "memory": _memory(),
        },
        "clock": {
            "source": _read(_CLOCK).strip() or None,
            "call": clock.implementation,
            "resolution": clock.resolution,
        },
    }


def versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that carry the checks."""
    found = {"python": platform.python_version()}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def broker_version(url: str) -> str | None:
    """Ask the broker who it is; None if it does not answer."""
    try:
        with store.translated():
            server: Any = store.connect(url).info("server")
    except (StoreUnavailable, redis.RedisError):
        return None
    name = server.get("server_name", "redis")
    return f"{name} {server.get(f'{name}_version') or server.get('redis_version')}"


def code(root: Path = ROOT) -> dict[str, str | None]:
    """Return the commit that is checked out, and a digest of what was changed since; None without a repository."""
    commit = _git(root, "rev-parse", "HEAD") if (root / ".git").exists() else b""
    if not commit:
        return {"commit": None, "changes": None}
    changed = _git(root, "diff", "HEAD", "--binary")
    return {
        "commit": commit.decode(errors="replace").strip(),
        "changes": hashlib.sha256(changed).hexdigest()[:12] if changed else None,
    }


def _git(root: Path, *words: str) -> bytes:
    command = ["git", "-C", str(root), *words]
    try:
        done = subprocess.run(
            command, capture_output=True, check=False, timeout=_PATIENCE, env=bare_environment(), cwd=root
        )
    except (OSError, subprocess.TimeoutExpired):
        return b""
    return done.stdout if done.returncode == 0 else b""


def _cpu() -> str | None:
    found = re.search(r"^(?:model name|Hardware|Model)\s*:\s*(.+)$", _read(_CPUS), re.MULTILINE)
    return found[1].strip() if found else platform.processor() or None


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (ValueError, OSError, AttributeError):
        return None


def _read(path: Path) -> str:
    try:
        return path.read_text(errors="replace")
    except OSError:
        return ""
