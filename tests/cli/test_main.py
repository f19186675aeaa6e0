"""What all commands share: exit codes, usage, help; and the list of models."""

import json
import re
import subprocess
import sys

import pytest

from skdyn.cli import main

NAMES = ("demo", "fit", "report", "equations", "forecast", "simulate", "adapt", "models", "doctor")


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


@pytest.mark.parametrize("arguments", [[], ["fly"], ["fit"], ["adapt", "data.csv"], ["forecast"], ["simulate", "m"]])
def test_wrong_usage_exits_with_two(arguments):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2


def test_models_lists_what_is_registered(capsys):
    assert main(["models"]) == 0
    out = capsys.readouterr().out
    assert "fim-ode" in out
    assert "LASSODEForecaster" in out


def test_models_as_json(capsys):
    assert main(["models", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert {"name": "lass-ode", "class": "LASSODEForecaster"} in told["estimators"]
    assert {"fim-ode", "fim-sde", "lass-ode"} <= {model["name"] for model in told["models"] if "weights" in model}


@pytest.mark.parametrize("command", [[], ["fit"], ["forecast"], ["doctor"]])
def test_help_says_the_exit_codes(command, capsys):
    with pytest.raises(SystemExit) as caught:
        main([*command, "--help"])
    assert caught.value.code == 0
    assert "exit codes: 0 done, 1 failed, 2 wrong usage, 130 interrupted\n" in capsys.readouterr().out


def test_help_names_every_command_and_loads_nothing_heavy():
    code = (
        "import sys; from skdyn.cli import make_parser; print(make_parser().format_help()); "
        "assert not {'torch', 'sklearn', 'numpy', 'matplotlib', 'tqdm'} & set(sys.modules)"
    )
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert re.findall(r"^    (\w+)", shown, re.MULTILINE) == list(NAMES)


@pytest.mark.parametrize("command", ["models", "doctor"])
def test_a_reader_that_leaves_ends_a_command_quietly(command):
    """As `head` does."""
    words = [sys.executable, "-m", "skdyn", command]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        process.stdout.close()
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_the_package_runs_as_a_module():
    result = subprocess.run([sys.executable, "-m", "skdyn", "--version"], capture_output=True, text=True)
    assert result.returncode == 0
    assert result.stdout.startswith("skdyn ")


@pytest.mark.filterwarnings("default::UserWarning")
def test_json_leaves_the_output_to_scripts(tmp_path):
    """Warnings and what went wrong go where errors go, also from another process."""
    path = tmp_path / "data.csv"
    path.write_text("id,t,x\n" + "".join(f"a,{k},{0.9**k}\n" for k in range(30)) + "b,0,1\nb,1,\n")
    words = [sys.executable, "-m", "skdyn", "equations", str(path), "--estimator", "sparse-ode", "--json"]
    failed = subprocess.run(words, capture_output=True, text=True)
    assert (failed.returncode, failed.stdout) == (1, "")
    assert failed.stderr.startswith(f"skdyn: error: {path}, line 33, column 'x': the state is NaN; pass --missing drop")
    done = subprocess.run([*words, "--missing", "drop"], capture_output=True, text=True)
    assert json.loads(done.stdout)["data"]["n_trajectories"] == 1
    assert done.stderr.startswith("skdyn: UserWarning: 1 of 2 trajectories are left out")
