"""What an account costs. ChatDaddy publishes one price; users can configure the others."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from chatdaddy_pulumi.enums import Tier
from chatdaddy_pulumi.lifecycle.key_lists import listed
from chatdaddy_pulumi.spec.problem import shown


class Price(BaseModel):
    """What an account of one tier costs, in USD; None if it is not known."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    purchase: float | None = Field(default=None, ge=0)
    per_day: float | None = Field(default=None, ge=0)

    def as_output(self) -> dict[str, float]:
        return self.model_dump(exclude_none=True)


#: The guide, step 8: "this step will create a 1USD charge", of an account of the limited tier.
PUBLISHED = {Tier.LIMITED: Price(purchase=1.0)}

_FORM = TypeAdapter(dict[str, Price])
_TIERS = [repr(tier.short) for tier in Tier]
_EXAMPLE = '{"unlimited": {"purchase": 10, "per_day": 0.30}}'


@dataclass(frozen=True)
class Prices:
    """The price of each tier."""

    by_tier: Mapping[Tier, Price]

    @classmethod
    def parse(cls, configured: str | None) -> Prices:
        """The published prices, overridden by the configured ones: JSON, by a tier's short name.

        Raises:
            ValueError: it isn't of that form.
        """
        prices = dict(PUBLISHED)
        if configured:
            form = f"must be JSON such as {_EXAMPLE}, in USD, by {' and '.join(_TIERS)}"
            try:
                given = _FORM.validate_python(json.loads(configured))
            except ValidationError as error:
                problem = error.errors()[0]
                where = ".".join(map(str, problem["loc"])) or "it"
                raise ValueError(f"{form}: {where} is {shown(problem['input'])}") from None
            except ValueError:
                raise ValueError(f"{form}, not {shown(configured)}") from None
            wrong = [name for name in given if name.upper() not in Tier.__members__]
            if wrong:
                raise ValueError(f"{form}, not by {listed([repr(name) for name in wrong])}")
            prices |= {Tier[name.upper()]: price for name, price in given.items()}
        return cls(prices)

    def of(self, tier: Tier) -> Price:
        return self.by_tier.get(tier, Price())
