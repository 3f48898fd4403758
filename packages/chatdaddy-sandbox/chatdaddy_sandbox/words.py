"""The values from ChatDaddy's documentation that the rules use."""

from __future__ import annotations

#: The tier that keeps no chat history and stops sending in a billing period (the guide, step 11).
LIMITED = "limited_msg_no_chat_history"
#: The tier without these two limits.
UNLIMITED = "unlimited_msg_chat_history"

#: Messages after which the limited tier stops sending until the next billing period (the guide).
LIMITED_TIER_MESSAGES = 1_000

#: Hours in which a deleted account can be recreated (the API's documentation).
DELETION_GRACE_HOURS = 24
