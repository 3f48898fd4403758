"""Options that several commands share: a dataclass each, whose fields become options.

```python
@dataclass(frozen=True)
class Filter:
    text: Annotated[str, typer.Argument()] = ""

@app.command()
@grouped
def accounts(filter: Filter, as_json: …) -> None: …
```
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from functools import wraps
from typing import Any


def grouped(command: Callable[..., None]) -> Callable[..., None]:
    """The command with the fields of its dataclasses as parameters of their own."""
    hints = inspect.get_annotations(command, eval_str=True)
    parameters: list[inspect.Parameter] = []
    groups: dict[str, tuple[Any, list[str]]] = {}
    for parameter in inspect.signature(command).parameters.values():
        kind = hints[parameter.name]
        if not is_dataclass(kind):
            parameters.append(_keyword(parameter.name, kind, parameter.default))
            continue
        inner = inspect.get_annotations(hints[parameter.name], eval_str=True)
        groups[parameter.name] = kind, [field.name for field in fields(kind)]
        parameters += [_keyword(f.name, inner[f.name], f.default) for f in fields(kind)]

    @wraps(command)
    def run(**given: Any) -> None:
        made = {
            group: kind(**{name: given.pop(name) for name in names})
            for group, (kind, names) in groups.items()
        }
        command(**made, **given)

    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run


def _keyword(name: str, kind: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
