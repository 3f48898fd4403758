"""The stand-in engine makes the same calls and states as the real engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from parity import Story, recorded, run_story
from stories import STORIES
from tests.support.engine import ENGINES, Engine

each_story = pytest.mark.parametrize("story", STORIES, ids=lambda story: story.name)

#: `make test` plays two of the stories, `make stories` the others: each takes some seconds.
ALWAYS = [
    story
    if story.name in ("life", "replacing")
    else pytest.param(story, marks=pytest.mark.stories, id=story.name)
    for story in STORIES
]


def compare(story: Story, engine: Engine, folder: Path) -> None:
    for told, expected in zip(run_story(story, engine, folder), recorded(story), strict=True):
        assert told == expected


@pytest.mark.slow
@pytest.mark.parametrize("story", ALWAYS, ids=lambda story: story.name)
def test_the_stand_in_has_the_recorded_result(story: Story, tmp_path: Path) -> None:
    compare(story, "stand-in", tmp_path)


@pytest.mark.stories
@pytest.mark.parametrize("engine", ENGINES[1:])
@each_story
def test_the_real_engine_still_has_it(story: Story, engine: Engine, tmp_path: Path) -> None:
    compare(story, engine, tmp_path)
