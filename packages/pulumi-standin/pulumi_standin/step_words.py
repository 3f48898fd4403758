"""The signs, colours and words of the operations, like in the real CLI."""

from __future__ import annotations

SIGNS = {
    "same": "  ",
    "create": "+ ",
    "update": "~ ",
    "delete": "- ",
    "replace": "+-",
    "create-replacement": "++",
    "delete-replaced": "--",
    "refresh": "~ ",
    "remove-pending-replace": "- ",
    "discard": "< ",
    "discard-replaced": "< ",
}
STYLES = {
    "create": "green",
    "update": "yellow",
    "delete": "red",
    "replace": "magenta",
    "create-replacement": "bright_green",
    "delete-replaced": "bright_red",
    "remove-pending-replace": "red",
    "refresh": "yellow",
}
# During the step, after it, and in a preview.
WORDS = {
    "same": ("", "", ""),
    "create": ("creating", "created", "create"),
    "update": ("updating", "updated", "update"),
    "delete": ("deleting", "deleted", "delete"),
    "replace": ("replacing", "replaced", "replace"),
    "create-replacement": ("creating replacement", "created replacement", "create replacement"),
    "delete-replaced": ("deleting original", "deleted original", "delete original"),
    "refresh": ("refreshing", "", "refreshing"),
    "remove-pending-replace": ("completing deletion", "completed deletion", "complete deletion"),
    "discard": ("discarding", "discarded", "discard"),
    "discard-replaced": ("discarding original", "discarded original", "discard original"),
}
#: The operations that count as changes.
COUNTED = ("create", "update", "delete", "replace", "discard")
