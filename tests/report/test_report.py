"""One page on a fit: complete, escaped, alone; and alive in a real browser."""

import re
import shutil
from dataclasses import replace
from html import unescape

import numpy as np
import pytest

pytest.importorskip("plotly", reason="reports need the extra `report`")

from skdyn import FIMODERegressor, SparseODERegressor
from skdyn.cli import main
from skdyn.data.table import read_csv
from skdyn.data.trajectory import Trajectory

T = np.linspace(0, 6, 60)
X = np.column_stack([np.cos(2 * T), -2 * np.sin(2 * T)])
HOSTILE = ("</script><script>document.title='taken'</script>", '<b>bold</b> & "quoted"')


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "new" / "report.html"
    estimator = SparseODERegressor().fit([Trajectory(T, X, HOSTILE), Trajectory(T, 1.5 * X, HOSTILE)])
    estimator.report(path, n_fits=3)
    return path


def own_parts(path):
    """The page without plotly's own program, which is one script of megabytes."""
    return re.sub(r"<script>.{1000000,}?</script>", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)


def test_the_page_has_every_section_and_loads_nothing(page):
    text = own_parts(page)
    for heading in ("The data", "Can such a model describe them?", "Over time", "The field", "Equations", "Equilibria",
                    "The same in Python"):  # fmt: skip
        assert f"<h2>{heading}</h2>" in text
    assert "est = SparseODERegressor().fit(X)" in text
    assert "Nothing speaks against the model." in text
    assert len(re.findall(r'<div id="(?:field|trajectory)-\d+"', text)) == 3
    assert "default-src 'none'" in text
    assert not re.search(r"<(?:script|img|link)[^>]+(?:src|href)=\"(?!data:)", text)


def test_terms_and_equilibria_come_with_evidence(page):
    text = own_parts(page)
    assert "No term is missing in more than a tenth of 3 fits to resampled data; 100% of them" in text
    assert re.search(
        r"<th>in plausible fields</th>.*?<td>0 \u00b1 [\d.e-]+</td><td>0 \u00b1 [\d.e-]+</td><td>centre", text
    )
    assert re.search(r"<td>among the data</td><td>100%</td>", text)


def test_what_the_data_leave_open_is_said(tmp_path):
    estimator = SparseODERegressor(library="x0, x1").fit([(T, X)])
    found = estimator.equation_evidence(2)
    weak = replace(found, terms=tuple(replace(term, share=0.5) for term in found.terms), unchanged=0.5)
    estimator.equation_evidence = lambda n_fits: weak
    estimator.report(tmp_path / "report.html", n_fits=2)
    text = own_parts(tmp_path / "report.html")
    assert "2 of 2 terms are missing in more than a tenth of 2 fits to resampled data; 50% of them" in text
    assert "<td>50%</td>" in text
    estimator.report(tmp_path / "report.html", n_fits=0)
    assert "resampled" not in own_parts(tmp_path / "report.html")
    with pytest.raises(ValueError, match="n_fits"):
        estimator.report(tmp_path / "report.html", n_fits=-1)


def test_equations_of_one_pass_are_not_sold_as_the_field(tmp_path):
    FIMODERegressor(device="cpu").fit([(T, X)]).report(tmp_path / "report.html", n_fits=0)
    assert re.search(r"leading part of the field \(\d+%, \d+% of it agree\)", own_parts(tmp_path / "report.html"))


def test_what_the_user_named_is_escaped(page):
    text = own_parts(page)
    assert "<b>bold" not in text
    assert "document.title='taken'</script>" not in text
    assert "&lt;b&gt;bold&lt;/b&gt; &amp; " in text


@pytest.mark.parametrize("dim", [1, 3, 4])
def test_other_numbers_of_variables(dim, tmp_path):
    x = np.column_stack([np.exp(-k * T / 6) for k in range(1, dim + 1)])
    SparseODERegressor(max_degree=1).fit([(T, x)]).report(tmp_path / "report.html", n_fits=0)
    found = len(re.findall(r'<div id="field-\d+"', own_parts(tmp_path / "report.html")))
    assert found == {1: 1, 3: 3, 4: 0}[dim]


def test_the_command_writes_it(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    rows = "\n".join(f"{t},{a},{b}" for t, (a, b) in zip(T, X))
    (tmp_path / "data.csv").write_text(f"time,a,b\n{rows}\n")
    assert main(["report", "data.csv", "--estimator", "sparse-ode", "--time-unit", "day"]) == 0
    assert "Page written to report.html" in capsys.readouterr().out
    text = own_parts(tmp_path / "report.html")
    assert "<title>data.csv: SparseODERegressor</title>" in text
    assert "Trajectories.from_dataframe(pd.read_csv(&#x27;data.csv&#x27;), time=&#x27;time&#x27;" in text


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ("%d.%m.%Y", ["--time", "Tag", "--date-format", "%d.%m.%Y", "--time-unit", "day"]),
        ("%Y-%m-%d", ["--time", "Tag"]),
    ],
)
def test_its_lines_read_the_file_as_it_was_read(tmp_path, form, words):
    days = [f"{day.item():{form}}" for day in np.datetime64("2024-01-01") + np.arange(60)]
    rows = [f"{day};{a};{b}".replace(".", ",") if form[1] == "Y" else f"{day};{a:.6f};{b:.6f}" for day, (a, b) in
            zip(days, X)]  # fmt: skip
    rows[3], rows[5:7] = days[3] + ";;1", [rows[6], rows[5], rows[6]]
    path, page = tmp_path / "data.csv", tmp_path / "report.html"
    path.write_bytes("\n".join(["Tag;größe;b", *rows, ""]).encode("cp1252"))
    mend = ["--missing", "drop", "--sort", "--duplicates", "mean"]
    command = ["report", path, "--estimator", "sparse-ode", *words, *mend, "--out", page]
    assert main([str(word) for word in command]) == 0
    lines = re.search(r"<h2>The same in Python</h2><pre>(.*?)</pre>", own_parts(page), re.DOTALL)[1]
    found = {}
    exec(unescape(lines).partition("est.diagnose")[0], found)
    dated = read_csv(path, "Tag", missing="drop", sort=True, duplicates="mean", time_unit=found["X"].time_unit,
                     date_format=words[3] if len(words) > 2 else None)  # fmt: skip
    assert found["X"].feature_names == ("größe", "b")
    assert found["X"].axis == dated.axis
    np.testing.assert_array_equal(found["X"].times[0], dated.times[0])
    np.testing.assert_allclose(found["X"].states[0], dated.states[0], rtol=1e-14)


def test_a_constant_is_no_obstacle(tmp_path):
    SparseODERegressor().fit([(T, np.column_stack([X, np.full(60, 2.0)]))]).report(tmp_path / "a.html", n_fits=0)
    assert len(re.findall(r'<div id="field-\d+"', own_parts(tmp_path / "a.html"))) == 3


def test_the_command_does_not_replace_its_data(tmp_path, capsys):
    path = tmp_path / "data.csv"
    path.write_text("t,x\n0,1\n1,2\n")
    assert main(["report", str(path), "--out", str(tmp_path / "." / "data.csv")]) == 2
    assert f"would replace {path}, which is read" in capsys.readouterr().err
    assert path.read_text() == "t,x\n0,1\n1,2\n"


def test_a_forecaster_has_no_report(tmp_path, capsys):
    assert main(["report", str(tmp_path / "none.csv"), "--estimator", "lass-ode"]) == 2
    assert "infers no field" in capsys.readouterr().err


@pytest.fixture
def browser():
    webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")
    chromium, driver = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("there is no Chromium with its driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1100,2600"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    running = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
    yield running
    running.quit()


@pytest.mark.slow
def test_the_page_is_alive_in_a_browser(page, browser):
    from selenium.webdriver import ActionChains
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import WebDriverWait

    browser.get(page.as_uri())
    WebDriverWait(browser, 60).until(lambda b: len(b.find_elements(By.CSS_SELECTOR, ".main-svg .scatterlayer")) >= 3)
    assert browser.title == "SparseODERegressor"
    assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
    loaded = browser.execute_script("return performance.getEntriesByType('resource').map(e => e.name)")
    assert [name for name in loaded if name.startswith("http")] == []
    plot = browser.find_element(By.ID, "field-0")
    assert len(plot.find_elements(By.CSS_SELECTOR, ".trace.scatter")) >= 4  # field, simulation, data, equilibrium
    before = browser.execute_script("return arguments[0]._fullLayout.xaxis.range.slice()", plot)
    area = plot.find_element(By.CSS_SELECTOR, ".nsewdrag")
    browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", plot)
    ActionChains(browser).move_to_element_with_offset(area, -80, -80).click_and_hold().move_by_offset(
        160, 160
    ).release().perform()
    WebDriverWait(browser, 30).until(
        lambda b: b.execute_script("return arguments[0]._fullLayout.xaxis.range.slice()", plot) != before
    )
    after = browser.execute_script("return arguments[0]._fullLayout.xaxis.range.slice()", plot)
    assert after[1] - after[0] < 0.8 * (before[1] - before[0])
