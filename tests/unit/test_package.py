"""The package's public names and version."""

from __future__ import annotations

import subprocess
import sys
from importlib import metadata, resources

import pytest

import chatdaddy_pulumi


def test_dir_shows_only_the_public_names() -> None:
    assert dir(chatdaddy_pulumi) == sorted(chatdaddy_pulumi.__all__)
    assert {name for name in dir(chatdaddy_pulumi) if name.startswith("_")} == {"__version__"}
    assert all(getattr(chatdaddy_pulumi, name) for name in dir(chatdaddy_pulumi))


def test_the_version_is_that_of_the_distribution() -> None:
    assert chatdaddy_pulumi.__version__ == metadata.version("chatdaddy-pulumi")


def test_the_package_is_marked_as_typed() -> None:
    assert resources.files(chatdaddy_pulumi).joinpath("py.typed").is_file()


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'Acount'"):
        chatdaddy_pulumi.Acount  # noqa: B018


def test_the_enums_do_not_import_pulumi() -> None:
    code = "import sys, chatdaddy_pulumi; chatdaddy_pulumi.Tier; assert 'pulumi' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True)
