"""Paths as users write them."""

from pathlib import Path

import pytest

from skdyn.exceptions import FileError, WeightsError
from skdyn.files.paths import user_path


def test_the_home_folder_is_found(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    assert user_path("~/model") == user_path(Path("~/model")) == tmp_path / "model"
    assert user_path("~") == tmp_path
    assert user_path("a~/~b") == Path("a~/~b")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the model is empty: give it a name"),
        ("a\0b", "holds a null character"),
        (
            "~nobody-of-this-name/x",
            "the model '~nobody-of-this-name/x' cannot be found: .* Write './~nobody-of-this-name/x'",
        ),
    ],
)
def test_what_names_nothing_is_refused(text, message):
    for error in (FileError, WeightsError):
        with pytest.raises(error, match=message):
            user_path(text, error, "model")
