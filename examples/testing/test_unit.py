"""Unit tests: only the program, under Pulumi's mocks. No engine, no network, no purchase."""

import asyncio
from typing import Any

import pulumi


class Mocks(pulumi.runtime.Mocks):
    """Each resource's outputs are its inputs."""

    def new_resource(self, args: pulumi.runtime.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        return f"{args.name}-id", args.inputs

    def call(self, args: pulumi.runtime.MockCallArgs) -> Any:
        return {}


# The mocks need an event loop, and Python 3.14 makes none by itself.
asyncio.set_event_loop(asyncio.new_event_loop())
pulumi.runtime.set_mocks(Mocks())

from customers import declare  # noqa: E402 - after the mocks are set


@pulumi.runtime.test
def test_each_plan_has_its_tier() -> pulumi.Output[None]:
    fleet = declare({"acorn-bakery": "pro", "birch-sons": "basic"})

    def check(accounts: Any) -> None:
        assert accounts["acorn-bakery"]["tier"] == "unlimited_msg_chat_history"
        assert accounts["birch-sons"]["tier"] == "limited_msg_no_chat_history"

    return fleet.accounts.apply(check)


@pulumi.runtime.test
def test_each_customer_has_one_account() -> pulumi.Output[None]:
    fleet = declare({"acorn-bakery": "pro", "birch-sons": "basic"})

    def check(counts: Any) -> None:
        assert counts["total"] == 2

    return fleet.counts.apply(check)
