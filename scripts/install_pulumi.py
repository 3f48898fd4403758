"""Fetch the official Pulumi CLI into ~/.pulumi; `make pulumi` runs it."""

from __future__ import annotations

import sys

from pulumi.automation import PulumiCommand


def main() -> None:
    try:
        command = PulumiCommand.install()
    except Exception as error:  # the installer raises the exceptions of its download
        sys.exit(
            f"The Pulumi CLI could not be fetched: {error}\n"
            "It comes from get.pulumi.com; see https://www.pulumi.com/docs/install/ for other ways."
        )
    print(f"Pulumi {command.version} is at {command.command}; put its folder on your PATH.")


if __name__ == "__main__":
    main()
