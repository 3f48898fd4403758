"""Everything that is installed comes from the locks and has a hash."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
GITOPS = ROOT / "examples" / "gitops"
LOCKS = [
    ROOT / "requirements.lock",
    ROOT / "scripts" / "audit.lock",
    GITOPS / "requirements.lock",
]

#: One locked package: its pin, its marker, and the lines up to the next package.
_PINNED = re.compile(
    r"^(?P<name>[a-z0-9][\w.-]*)==(?P<version>\S+)(?P<rest>.*?)(?=^\S|\Z)", re.M | re.S
)


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: str(lock.relative_to(ROOT)))
def test_every_package_is_pinned_with_hashes(lock: Path) -> None:
    text = lock.read_text()
    pins = list(_PINNED.finditer(text))
    assert len(pins) > 20
    for pin in pins:
        assert "--hash=sha256:" in pin["rest"], pin["name"]
    lines = [line for line in text.splitlines() if line and line[0] not in "# "]
    assert len(lines) == len(pins)
    assert not re.search(r"https?://|git\+|file:|--(extra-)?index-url|--find-links|^-e", text)


def test_setup_installs_nothing_without_its_hash() -> None:
    text = (ROOT / "scripts" / "setup.py").read_text()
    assert "hashes" in text
    installs = re.findall(r'"install"[^)]*|"sync"[^)]*', text)
    assert len(installs) == 3
    for one in installs:
        # The distributions of this repository have no hash. They are built with the locked
        # packages.
        local = {"--no-deps", "--no-build-isolation"} <= set(re.findall(r"--[\w-]+", one))
        assert "--require-hashes" in one or "*compiled" in one or local, one
    assert re.search(r'compiled = \([^)]*"--require-hashes"', text)


def test_the_audit_is_pinned() -> None:
    recipe = (ROOT / "Makefile").read_text().partition("\naudit:")[2].partition("\n\n")[0]
    assert "--require-hashes" in recipe
    assert "scripts/audit.lock" in recipe
    assert "tool run" not in recipe
    assert re.search(r"^pip-audit==", LOCKS[1].read_text(), re.M)


def test_the_release_job_runs_only_packages_with_hashes() -> None:
    """Tests install packages without hashes, such as the oldest dependencies, so they are another
    job.
    """
    release = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())["jobs"]
    assert [step["run"] for step in release["build"]["steps"] if "run" in step] == ["make dist"]
    assert not [step for step in release["publish"]["steps"] if "run" in step]
    recipe = (ROOT / "Makefile").read_text().partition("\ndist:")[2].partition("\n\n")[0]
    assert "--no-build-isolation" in recipe
    assert "install" not in recipe.partition("\n")[2]


def test_the_pulumi_command_has_a_version() -> None:
    for file in (*ROOT.glob(".github/**/*.yml"), *GITOPS.glob(".github/**/*.yml")):
        text = file.read_text()
        assert text.count("pulumi/actions@") == len(
            re.findall(r"pulumi-version: 3\.\d+\.\d+", text)
        )


def jobs() -> dict[str, dict[str, Any]]:
    """The jobs of the example repository, with the environment of their file."""
    found = {}
    for file in (GITOPS / ".github" / "workflows").glob("*.yml"):
        for name, job in yaml.safe_load(file.read_text())["jobs"].items():
            found[f"{file.stem}/{name}"] = job
    return found


def secrets_of(value: Any) -> set[str]:
    return set(re.findall(r"secrets\.(\w+)", yaml.safe_dump(value)))


#: The secrets that are allowed in a job whose code is not merged or not approved.
READING = {"PULUMI_READ_TOKEN", "PULUMI_CONFIG_PASSPHRASE", "CHATDADDY_READ_TOKEN"}


def test_a_preview_has_no_token_that_buys_or_writes() -> None:
    found = jobs()
    previews = {name for name, job in found.items() if job.get("environment") == "preview"}
    assert previews == {"preview/preview", "drift/drift", "up/plan"}
    for name, job in found.items():
        if name in previews:
            assert secrets_of(job) == READING, name
        else:
            assert str(job["environment"]).startswith("production"), name


def test_a_pull_request_has_only_the_stated_permissions() -> None:
    for file in (GITOPS / ".github" / "workflows").glob("*.yml"):
        workflow = yaml.safe_load(file.read_text())
        # YAML parses the key `on` as true.
        assert "pull_request_target" not in str(workflow[True])
        assert workflow["permissions"]["contents"] == "read"
    for name, job in jobs().items():
        for step in job["steps"]:
            if str(step.get("uses", "")).startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_the_infrastructure_repository_installs_with_hashes() -> None:
    text = (GITOPS / ".github" / "actions" / "setup" / "action.yml").read_text()
    installs = re.findall(r"pip install .*", text)
    assert len(installs) == 2
    assert "--require-hashes -r requirements.lock" in installs[0]
    # The package itself comes from its repository, at a fixed commit.
    assert "--no-deps --no-build-isolation -r requirements.txt" in installs[1]
    assert re.search(r"^hatchling==", LOCKS[2].read_text(), re.M)
