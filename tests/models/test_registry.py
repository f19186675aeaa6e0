"""Plugins are announced through fake installed packages: a .dist-info folder and a module on sys.path."""

import dataclasses
import importlib
import json
import shutil
import subprocess
import sys
import textwrap
from types import SimpleNamespace

import numpy as np
import pytest

import skdyn
from skdyn import PluginError, WeightsError
from skdyn.estimators import registry as estimators
from skdyn.models import registry as models
from skdyn.models.inference import Engine
from skdyn.models.registry import recognise_model
from skdyn.models.weights import load_model
from skdyn.plugins import ModelSpec, get_estimator, get_model, plugin_problems, register_estimator, register_model

MOVING = np.array([[0.0], [1.0], [3.0]])
GOOD = """
    from pathlib import Path
    from skdyn import FIMODERegressor
    from skdyn.plugins import ModelSpec, get_model
    import dataclasses
    MODEL = dataclasses.replace(
        get_model("fim-ode"),
        name="{name}",
        summary="a test",
        recognises=lambda config: config.get("model_type") == "{name}",
    )
    class Estimator(FIMODERegressor):
        pass
"""


class Site:
    """A folder of fake installed packages."""

    def __init__(self, folder):
        self.folder = folder

    def install(self, package, entry_points, source=None, metadata=True):
        info = self.folder / f"{package}-1.0.dist-info"
        info.mkdir()
        if metadata:
            (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(entry_points)
        if source is not None:
            (self.folder / f"{package}.py").write_text(textwrap.dedent(source))
        importlib.invalidate_caches()


@pytest.fixture
def site(tmp_path, monkeypatch):
    folder = tmp_path / "site"
    folder.mkdir()
    modules = set(sys.modules)
    monkeypatch.syspath_prepend(str(folder))
    for catalogue in (models.CATALOGUE, estimators.CATALOGUE):
        monkeypatch.setattr(catalogue, "_loaded", {})
    yield Site(folder)
    for name in set(sys.modules) - modules:
        if getattr(sys.modules[name], "__file__", None) and str(folder) in str(sys.modules[name].__file__):
            del sys.modules[name]


@pytest.fixture
def registered(monkeypatch):
    for catalogue in (models.CATALOGUE, estimators.CATALOGUE):
        monkeypatch.setattr(catalogue, "_registered", {})


@pytest.fixture
def own_model(dummy_folder, tmp_path, monkeypatch):
    """Register a model with one part replaced, and give its folder."""

    def make(**parts):
        folder = tmp_path / "own"
        shutil.copytree(dummy_folder, folder, ignore=shutil.ignore_patterns("SHA256SUMS"), dirs_exist_ok=True)
        config = folder / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "tc-own"}))
        monkeypatch.setattr(models.CATALOGUE, "_registered", {})
        built_in = get_model("fim-ode")
        own = {
            "recognises": lambda config: config.get("model_type") == "tc-own",
            "configure": lambda config: built_in.configure({**config, "model_type": "fim-ode"}),
        }
        register_model(dataclasses.replace(built_in, name="tc-own", **{**own, **parts}))
        return folder

    return make


def others_still_work():
    assert "fim-ode" in skdyn.list_models()
    assert get_model("fim-ode").name == "fim-ode"
    assert repr(skdyn.make_estimator("fim-ode", device="cpu")) == "FIMODERegressor(device='cpu')"
    assert load_model("fim-ode").spec.name == "fim-ode"


def problems_of(name):
    return [str(problem) for problem in plugin_problems() if name in str(problem)]


def test_a_good_plugin(site):
    site.install(
        "tc_good",
        "[skdyn.models]\ntc-model = tc_good:MODEL\n[skdyn.estimators]\ntc-estimator = tc_good:Estimator\n",
        GOOD.format(name="tc-model"),
    )
    assert "tc-model" in skdyn.list_models()
    assert "tc-estimator" in skdyn.list_estimators()
    assert "tc_good" not in sys.modules
    assert get_model("tc-model").summary == "a test"
    assert type(skdyn.make_estimator("tc-estimator", query_chunk=7)).__name__ == "Estimator"
    assert recognise_model({"model_type": "tc-model"}).name == "tc-model"
    assert problems_of("tc-") == []
    others_still_work()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("raise RuntimeError('broken inside')", "fails to import: RuntimeError: broken inside"),
        ("import module_that_is_not_there", "fails to import: ModuleNotFoundError: No module named 'module_that_is"),
        ("raise SystemExit(3)", "fails to import: SystemExit: 3"),
        ("raise GeneratorExit('early')", "fails to import: GeneratorExit: early"),
        ("raise StopIteration", "fails to import: StopIteration: "),
        ("class Own(BaseException): pass\nraise Own('mine')", "fails to import: Own: mine"),
        ("from skdyn import PluginError\nraise PluginError('of another')", "fails to import: PluginError: of another"),
        (
            "class Mute(Exception):\n    def __str__(self): return 1 / 0\nraise Mute",
            "fails to import: Mute: an error that cannot be printed",
        ),
        ("def f(:", "fails to import: SyntaxError"),
        ("1 / 0", "fails to import: ZeroDivisionError"),
        ("OTHER = 1", "fails to import: AttributeError"),
        ("MODEL = 'a string'", "is a str, not a ModelSpec"),
        ("MODEL = None", "is a NoneType, not a ModelSpec"),
        (GOOD.format(name="another-name"), "names itself 'another-name'"),
        (None, "fails to import: ModuleNotFoundError: No module named 'tc_broken'"),
    ],
)
def test_a_broken_model_is_one_error_for_its_name(site, source, reason):
    site.install("tc_broken", "[skdyn.models]\ntc-broken = tc_broken:MODEL\n", source)
    assert "tc-broken" in skdyn.list_models()
    for _ in range(2):
        with pytest.raises(PluginError) as caught:
            get_model("tc-broken")
        assert "'tc-broken' of tc_broken (tc_broken:MODEL)" in str(caught.value)
        assert reason in str(caught.value)
    with pytest.raises(WeightsError, match="the model 'tc-broken' cannot be used"):
        load_model("tc-broken")
    (problem,) = problems_of("tc-broken")
    assert reason in problem
    others_still_work()


@pytest.mark.parametrize(
    "source", ["Estimator = 3", "def Estimator(): ...", "class Estimator: ...", "Estimator = int()"]
)
def test_an_estimator_of_the_wrong_kind(site, source):
    site.install("tc_wrong", "[skdyn.estimators]\ntc-wrong = tc_wrong:Estimator\n", source)
    with pytest.raises(PluginError, match=r"'tc-wrong' of tc_wrong \(tc_wrong:Estimator\) is not an estimator class"):
        get_estimator("tc-wrong")
    assert len(problems_of("tc-wrong")) == 1
    others_still_work()


def test_two_packages_with_one_name(site):
    for package in ("tc_first", "tc_second"):
        site.install(package, f"[skdyn.models]\ntc-twice = {package}:MODEL\n", GOOD.format(name="tc-twice"))
    assert skdyn.list_models().count("tc-twice") == 1
    with pytest.raises(PluginError, match=r"'tc-twice' is offered twice: .*uninstall one") as caught:
        get_model("tc-twice")
    assert "tc_first (tc_first:MODEL)" in str(caught.value)
    assert "tc_second (tc_second:MODEL)" in str(caught.value)
    assert len(problems_of("tc-twice")) == 1
    others_still_work()


def test_the_same_package_found_twice_is_one(site, tmp_path, monkeypatch):
    site.install("tc_good", "[skdyn.models]\ntc-model = tc_good:MODEL\n", GOOD.format(name="tc-model"))
    second = tmp_path / "second"
    second.mkdir()
    Site(second).install("tc_good", "[skdyn.models]\ntc-model = tc_good:MODEL\n")
    monkeypatch.syspath_prepend(str(second))
    assert get_model("tc-model").name == "tc-model"


def test_shadowing_a_built_in_is_ignored_and_reported(site):
    site.install(
        "tc_shadow",
        "[skdyn.models]\nfim-ode = tc_shadow:MODEL\n[skdyn.estimators]\nfim-ode = tc_shadow:Estimator\n",
        "raise RuntimeError('never imported')",
    )
    others_still_work()
    assert "tc_shadow" not in sys.modules
    problems = problems_of("tc_shadow")
    assert len(problems) == 2
    assert all("offers 'fim-ode', a built-in name, and is ignored" in problem for problem in problems)


@pytest.mark.parametrize(
    "text", ["[skdyn.models]\nno equals sign\n", "[skdyn.models]\nx = \n", "[skdyn.models]\nx = 1 2\n"]
)
def test_unreadable_entry_points_harm_nobody_else(site, text):
    site.install("tc_unreadable", text)
    site.install("tc_good", "[skdyn.models]\ntc-model = tc_good:MODEL\n", GOOD.format(name="tc-model"))
    assert "tc-model" in skdyn.list_models()
    assert get_model("tc-model").name == "tc-model"
    assert any("tc_unreadable" in str(problem) for problem in plugin_problems())
    others_still_work()


def test_a_package_without_metadata(site):
    site.install("tc_left", "[skdyn.models]\ntc-left = tc_left:MODEL\n", metadata=False)
    with pytest.raises(PluginError, match=r"'tc-left' of .*\(tc_left:MODEL\) fails to import"):
        get_model("tc-left")
    assert len(problems_of("tc-left")) == 1
    others_still_work()


def test_a_model_that_cannot_judge_a_configuration(site, dummy_folder, tmp_path):
    source = GOOD.format(name="tc-judge") + "    MODEL = dataclasses.replace(MODEL, recognises=lambda c: c['absent'])\n"
    site.install("tc_judge", "[skdyn.models]\ntc-judge = tc_judge:MODEL\n", source)
    site.install("tc_zgood", "[skdyn.models]\ntc-zmodel = tc_zgood:MODEL\n", GOOD.format(name="tc-zmodel"))
    assert recognise_model({"model_type": "tc-zmodel"}).name == "tc-zmodel"
    with pytest.raises(PluginError, match="'tc-judge' cannot judge it: KeyError: 'absent'"):
        recognise_model({"model_type": "nobody's"})
    load_model(dummy_folder)


class OwnError(BaseException):
    """What a plugin may raise that is no Exception."""


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("error", [RuntimeError("why"), SystemExit("why"), GeneratorExit("why"), OwnError("why")])
@pytest.mark.parametrize(
    ("hook", "words"),
    [
        ("configure", r"fails to read .*config\.json"),
        ("network", r"fails to build its network from .*config\.json"),
        ("rename", r"fails to rename the tensor '.*' of .*model\.safetensors"),
        ("scaling", "fails to scale the context"),
    ],
)
def test_whatever_a_model_raises_is_one_error_of_its_name(own_model, hook, words, error):
    def broken(*_):
        raise error

    model = own_model(**{hook: broken})
    with pytest.raises(PluginError, match=f"^'tc-own' {words}: {type(error).__name__}: why$") as caught:
        skdyn.FIMODERegressor(model, device="cpu").fit(MOVING)
    assert caught.value.__cause__ is error


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("error", [SystemExit, GeneratorExit, OwnError])
def test_a_model_that_raises_when_asked_whether_a_configuration_is_its_own(own_model, error):
    def broken(config):
        raise error("why")

    model = own_model(recognises=broken)
    with pytest.raises(WeightsError, match=f"unknown model_type .*'tc-own' cannot judge it: {error.__name__}: why"):
        load_model(model)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("method", ["encode", "decode"])
def test_a_network_that_raises(own_model, method):
    def network(config):
        built = get_model("fim-ode").network(config)
        setattr(built, method, lambda *_: sys.exit("why"))
        return built

    with pytest.raises(PluginError, match=r"^'tc-own' fails to (encode the context|answer queries): SystemExit: why$"):
        skdyn.FIMODERegressor(own_model(network=network), device="cpu").fit(MOVING).vector_field([[1.0]])


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    ("hook", "returned", "words"),
    [
        ("network", 3, "fails to build its network .* AttributeError"),
        ("rename", ["a"], "fails to rename .* a name must be a str or None, not a list"),
        ("scaling", None, "fails to scale the context: TypeError: a scaling must be a Scaling, not a NoneType"),
    ],
)
def test_a_model_that_returns_something_else(own_model, hook, returned, words):
    with pytest.raises(PluginError, match=f"'tc-own' {words}"):
        skdyn.FIMODERegressor(own_model(**{hook: lambda *_: returned}), device="cpu").fit(MOVING)


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize("max_dim", [2.0, 0, True, None])
def test_a_configuration_without_a_number_of_variables(own_model, max_dim):
    with pytest.raises(
        PluginError, match=rf"'tc-own' fails to read .* max_dim must be a positive integer, got {max_dim}"
    ):
        load_model(own_model(configure=lambda _: SimpleNamespace(max_dim=max_dim)))


@pytest.mark.usefixtures("registered")
@pytest.mark.parametrize(
    "change",
    [lambda field: field[:, :1], lambda field: field[..., :1], lambda field: field[0], lambda field: field.sum()],
)
def test_answers_of_another_shape_are_not_broadcast(own_model, change):
    def network(config):
        built = get_model("fim-ode").network(config)
        decode = built.decode
        built.decode = lambda encoded, queries: tuple(map(change, decode(encoded, queries)))
        return built

    engine = Engine(load_model(own_model(network=network)), "cpu")
    turning = np.array([[0.0, 1.0], [1.0, 0.0], [0.0, -1.0], [-1.0, 0.0], [0.1, 0.9]])
    context = engine.encode([skdyn.Trajectories(turning)])
    for method in (engine.decode, engine.field, engine.jacobian):
        with pytest.raises(PluginError, match=r"^'tc-own' fails to answer queries: "):
            method(context, np.zeros((1, 5, 2)))


@pytest.mark.usefixtures("registered")
def test_what_a_model_promises_to_raise_and_what_the_user_raises_pass(own_model):
    def wrong(config):
        raise ValueError("width is missing")

    with pytest.raises(WeightsError, match=r"config\.json is not a configuration of tc-own: width is missing"):
        load_model(own_model(configure=wrong))

    def interrupted(config):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        load_model(own_model(configure=interrupted))


def test_unknown_names():
    with pytest.raises(PluginError, match=r"nothing is registered as 'absent' in skdyn.models; known names: .*fim-ode"):
        get_model("absent")
    with pytest.raises(PluginError, match=r"nothing is registered as 'absent' in skdyn.estimators"):
        skdyn.make_estimator("absent")


@pytest.mark.usefixtures("registered")
def test_registering_in_the_program(dummy_folder):
    builtin = get_model("fim-ode")
    spec = dataclasses.replace(builtin, name="tc-own", location=dummy_folder)
    register_model(spec)
    assert get_model("tc-own") is spec
    assert load_model("tc-own").config.max_dim == 16
    with pytest.raises(PluginError, match="the name 'tc-own' is taken"):
        register_model(spec)
    with pytest.raises(PluginError, match="the name 'fim-ode' is taken"):
        register_model(builtin)
    estimator = get_estimator("fim-ode")
    register_estimator("tc-own", estimator)
    assert get_estimator("tc-own") is estimator
    with pytest.raises(PluginError, match="is not an estimator class"):
        register_estimator("tc-bad", object)
    with pytest.raises(PluginError, match="is not an estimator class"):
        register_estimator("tc-bad", estimator())
    assert "tc-bad" not in skdyn.list_estimators()


def test_specifications_are_frozen():
    spec = get_model("fim-ode")
    assert isinstance(spec, ModelSpec)
    with pytest.raises(AttributeError):
        spec.name = "other"


def test_listing_imports_no_plugin_and_no_torch(site):
    site.install("tc_loud", "[skdyn.models]\ntc-loud = tc_loud:MODEL\n", "raise SystemExit('imported')")
    code = (
        "import sys, skdyn; print(skdyn.list_models(), skdyn.list_estimators());"
        "assert not {'tc_loud', 'torch', 'sklearn'} & set(sys.modules)"
    )
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(site.folder), "PATH": ""},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert "tc-loud" in result.stdout
