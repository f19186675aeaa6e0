from skdyn.cli import main


def test_demo_prints_equilibria_and_periods(tmp_path, capsys):
    assert main(["demo", "--out", str(tmp_path / "demo.png")]) == 0
    out = capsys.readouterr().out
    assert "spiral" in out
    periods = [float(line.split(":")[1].split()[0]) for line in out.splitlines() if line.startswith("Period")]
    assert len(periods) == 2
    assert all(8 < period < 13 for period in periods)
    assert (tmp_path / "demo.png").read_bytes()[:4] == b"\x89PNG"
