"""The stand-in engine makes the same calls and states as the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import Story, recorded, run_story
from stories import STORIES
from tests.support.engine import ENGINES, Engine


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_a_story_has_the_recorded_result(story: Story, engine: Engine, tmp_path: Path) -> None:
    for told, expected in zip(run_story(story, engine, tmp_path), recorded(story), strict=True):
        assert told == expected
