"""Refusals of ours, before or after ChatDaddy was asked: each is one line for a person."""

from __future__ import annotations


class LifecycleError(Exception):
    """What was not done, why, and the ways on."""


class AlreadyThere(LifecycleError):
    """The team already has a live account of that nickname which this resource does not own, or
    which an interrupted run may have bought for it."""


class CannotAdopt(LifecycleError):
    """The account to take over is not there, or is not what was asked for."""


class HistoryLoss(LifecycleError):
    """A tier change would delete what was synced, and nobody said that it may."""


class NotDone(LifecycleError):
    """ChatDaddy refused, or could not be asked, or its answer was lost."""
