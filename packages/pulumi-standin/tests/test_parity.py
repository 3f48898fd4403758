"""The stand-in engine does what the real one does: the same calls, the same states."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import Story, recorded, tell
from stories import STORIES
from tests.support.engine import ENGINES, Engine


@pytest.mark.slow
@pytest.mark.parametrize("engine", ENGINES)
@pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)
def test_tells_the_story_as_recorded(story: Story, engine: Engine, tmp_path: Path) -> None:
    for told, expected in zip(tell(story, engine, tmp_path), recorded(story), strict=True):
        assert told == expected
