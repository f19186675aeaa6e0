"""What a release must not forget."""

import re
from pathlib import Path

from skdyn import __version__

ROOT = Path(__file__).parents[1]


def test_the_citation_is_of_this_version():
    citation = (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert re.findall(r"^version: (\S+)$", citation, re.MULTILINE) == [__version__]


def test_the_changelog_has_a_place_for_the_next_change():
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (.+)$", changelog, re.MULTILINE)[0] == "Unreleased"
