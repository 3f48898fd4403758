"""`Provider`: the team and the token of some resources, for programs that serve several teams."""

from __future__ import annotations

from typing import Any

import pulumi

from chatdaddy_pulumi.client.setting_names import SETTINGS, TOKENS
from chatdaddy_pulumi.resources.program import secret_names
from chatdaddy_pulumi.resources.sdk_hooks import is_secret_setting


class Provider(pulumi.ProviderResource):
    """A team and a token for it; give it to resources as `opts.provider`.

    If a program serves one team, the stack's configuration (``chatdaddy:teamId``,
    ``chatdaddy:refreshToken``) is enough and no `Provider` is needed.
    """

    def __init__(
        self,
        name: str,
        *,
        team_id: pulumi.Input[str],
        refresh_token: pulumi.Input[str] | None = None,
        api_token: pulumi.Input[str] | None = None,
        base_url: pulumi.Input[str] | None = None,
        auth_url: pulumi.Input[str] | None = None,
        im_url: pulumi.Input[str] | None = None,
        payments_url: pulumi.Input[str] | None = None,
        events_url: pulumi.Input[str] | None = None,
        concurrency: pulumi.Input[int] | None = None,
        prices: pulumi.Input[str] | None = None,
        client: pulumi.Input[str] | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare a provider.

        An argument that is not given comes from the stack's configuration
        (``chatdaddy:baseUrl`` and so on), except the team and its token.

        Args:
            name: The resource's name in the stack.
            team_id: The team whose accounts these are.
            refresh_token: A refresh token of a user of the team; kept as a secret.
            api_token: An API token, in place of a refresh token; kept as a secret.
            base_url: The address of ChatDaddy; by default ``https://api.chatdaddy.tech``.
            auth_url: The address of the auth service, if it isn't under `base_url`.
            im_url: The address of the accounts' service.
            payments_url: The address of the billing service.
            events_url: The address of the webhooks' service.
            concurrency: How many calls are sent at once at most.
            prices: What tiers cost, as ``chatdaddy:prices``.
            client: Retries and times, as ``chatdaddy:client``.
            opts: The resource's options.

        Raises:
            pulumi.RunError: neither token is given, or both are.
        """
        if (refresh_token is None) == (api_token is None):
            raise pulumi.RunError(
                f"Provider {name!r}: give either refresh_token or api_token, and not both"
            )
        settings: dict[str, pulumi.Input[str] | pulumi.Input[int] | None] = {
            "teamId": team_id,
            "refreshToken": pulumi.Output.secret(refresh_token) if refresh_token else None,
            "apiToken": pulumi.Output.secret(api_token) if api_token else None,
            "baseUrl": base_url,
            "authUrl": auth_url,
            "imUrl": im_url,
            "paymentsUrl": payments_url,
            "eventsUrl": events_url,
            "concurrency": concurrency,
            "prices": prices,
            "client": client,
        }
        # The engine tells a provider of its own arguments alone. A stack that is tried on a sandbox
        # must not call the real ChatDaddy because of that.
        settings |= {
            key: _of_stack(key) for key in SETTINGS if key != "teamId" and settings.get(key) is None
        }
        given: dict[str, Any] = {key: value for key, value in settings.items() if value is not None}
        super().__init__("pulumi-python", name, {**given, "__secrets": _secrets(given)}, opts)


def _of_stack(key: str) -> pulumi.Input[str] | None:
    """A setting of the stack's configuration; a secret stays one."""
    stack = pulumi.Config("chatdaddy")
    return stack.get_secret(key) if is_secret_setting(f"chatdaddy:{key}") else stack.get(key)


async def _secrets(given: dict[str, Any]) -> str | None:
    """The settings that are secrets, for the provider host, which gets all values in clear."""
    found = await secret_names({k: value for k, value in given.items() if k not in TOKENS})
    return ",".join(found) if found else None
