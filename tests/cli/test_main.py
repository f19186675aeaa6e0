"""What all commands share: exit codes, usage, help; and the list of models."""

import subprocess
import sys

import pytest

from skdyn.cli import main


@pytest.mark.parametrize(
    "arguments",
    [
        ["fit", "no-such.csv", "--out", "x"],
        ["demo", "--model", "no-such-model"],
        ["adapt", "no-such.csv", "--out", "x"],
    ],
)
def test_failures_exit_with_one(arguments, capsys):
    assert main(arguments) == 1
    assert "no-such" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["fly"], ["fit"], ["adapt", "data.csv"]])
def test_wrong_usage_exits_with_two(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_models_lists_what_is_registered(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "fim-ode" in out
    assert "LASSODEForecaster" in out


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; from skdyn.cli import make_parser; print(make_parser().format_help()); "
        "assert not {'torch', 'sklearn', 'numpy', 'matplotlib', 'tqdm'} & set(sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert all(f"    {name} " in shown for name in ("demo", "fit", "adapt", "models", "doctor"))


def test_the_package_runs_as_a_module():
    result = subprocess.run([sys.executable, "-m", "skdyn", "--version"], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout.startswith("skdyn ")
