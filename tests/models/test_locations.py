"""Where models are looked for; the hub is a server on this machine behind the real hub client."""

import dataclasses
import hashlib
import shutil
import socket
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants

from skdyn import FIMODERegressor, WeightsError
from skdyn.models.locations import is_offline, locate
from skdyn.models.registry import CATALOGUE, get_model, register_model
from skdyn.models.weights import load_model

COMMIT = "0123456789abcdef0123456789abcdef01234567"
FILES = ("config.json", "model.safetensors")


class Hub:
    """A stand-in for the hub: files by (repository, revision, path), and a record of the requests."""

    def __init__(self):
        self.files = {}
        self.requests = []
        self.headers = {"X-Repo-Commit": COMMIT}
        hub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_HEAD(self):
                repo, _, rest = self.path.lstrip("/").partition("/resolve/")
                if rest:  # the client also asks about itself
                    hub.requests.append((self.command, self.path))
                matches = [
                    content
                    for (owner, revision, path), content in hub.files.items()
                    if owner == repo and rest == f"{revision}/{path}"
                ]
                if not matches:
                    known = any(owner == repo for owner, _, _ in hub.files)
                    self.send_response(404)
                    self.send_header("X-Error-Code", "EntryNotFound" if known else "RepoNotFound")
                    self.send_header("X-Error-Message", "no such thing")
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                    return
                (content,) = matches
                self.send_response(200)
                self.send_header("ETag", f'"{hashlib.sha256(content).hexdigest()}"')
                self.send_header("Content-Length", str(len(content)))
                for header, value in hub.headers.items():
                    self.send_header(header, value)
                self.end_headers()
                if self.command == "GET":
                    self.wfile.write(content)

            do_GET = do_HEAD

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        self.thread.start()
        self.endpoint = f"http://127.0.0.1:{self.server.server_port}"

    def offer(self, folder, repo, revision="main", inside=""):
        for name in FILES:
            self.files[repo, revision, inside + name] = (Path(folder) / name).read_bytes()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()


@pytest.fixture
def hub(tmp_path, monkeypatch):
    for name in ("HF_HUB_OFFLINE", "SKDYN_OFFLINE", "HF_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    hub = Hub()
    template = hub.endpoint + constants.HUGGINGFACE_CO_URL_TEMPLATE.removeprefix(constants.ENDPOINT)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
    monkeypatch.setattr(constants, "ENDPOINT", hub.endpoint)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_PROGRESS_BARS", True)
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    huggingface_hub.close_session()
    yield hub
    huggingface_hub.close_session()
    hub.close()


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a socket was opened")

    monkeypatch.setattr(socket, "socket", refuse)
    monkeypatch.setattr(socket, "create_connection", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


@pytest.mark.usefixtures("no_network")
def test_names_and_paths_open_no_socket(dummy_folder, tmp_path, orbits):
    for model in ("fim-ode", dummy_folder, str(dummy_folder)):
        FIMODERegressor(model, device="cpu").fit(orbits).vector_field([[0.0, 1.0]])
    for model in (tmp_path, str(tmp_path / "absent"), "owner/repo"):
        with pytest.raises(WeightsError):
            locate(model)


def test_names_come_before_folders(tmp_path, monkeypatch, dummy_folder):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(dummy_folder, tmp_path / "fim-ode")
    assert load_model("fim-ode").config.max_dim == 3
    assert load_model(Path("fim-ode")).config.max_dim == 16
    assert load_model("./fim-ode").config.max_dim == 16


def test_the_home_folder_is_expanded(monkeypatch, dummy_folder):
    monkeypatch.setenv("HOME", str(dummy_folder.parent))
    assert locate(f"~/{dummy_folder.name}").config == dummy_folder / "config.json"
    assert locate(Path("~") / dummy_folder.name).config == dummy_folder / "config.json"
    for model in ("~nobody-of-this-name/x", Path("~nobody-of-this-name/x")):
        with pytest.raises(WeightsError, match=r"'~nobody-of-this-name/x' cannot be found"):
            locate(model)


@pytest.mark.parametrize("model", ["a\0b", Path("a\0b")])
def test_a_null_character_is_in_no_name(model):
    with pytest.raises(WeightsError, match="holds a null character"):
        locate(model)


def test_the_home_folder_of_registered_weights_is_expanded(monkeypatch, dummy_folder):
    monkeypatch.setenv("HOME", str(dummy_folder.parent))
    monkeypatch.setattr(CATALOGUE, "_registered", {})
    register_model(dataclasses.replace(get_model("fim-ode"), name="tc-home", location=f"~/{dummy_folder.name}"))
    assert locate("tc-home").config == dummy_folder / "config.json"


def test_a_folder_that_may_not_be_entered(dummy_folder, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    with pytest.raises(WeightsError, match=f"the model folder {dummy_folder} cannot be read: .*Permission denied"):
        locate(dummy_folder)


@pytest.mark.parametrize("missing", FILES)
def test_incomplete_folders(dummy_folder, tmp_path, missing):
    folder = tmp_path / "model"
    shutil.copytree(dummy_folder, folder)
    (folder / missing).unlink()
    with pytest.raises(WeightsError) as caught:
        locate(folder)
    assert str(caught.value) == f"the model folder {folder} has no file {missing}"
    (folder / missing).mkdir()
    with pytest.raises(WeightsError, match=f"has no file {missing}"):
        locate(folder)


def test_one_error_lists_every_place(tmp_path):
    with pytest.raises(WeightsError) as caught:
        locate(str(tmp_path / "absent"))
    message = str(caught.value)
    assert "the registered names (" in message
    assert "fim-ode" in message
    assert str(tmp_path / "absent") in message
    assert "hf://owner/repo@revision" in message


@pytest.mark.parametrize("model", [None, 3, b"fim-ode", "", ["fim-ode"], {"model": "fim-ode"}])
def test_what_is_no_name(model):
    with pytest.raises(WeightsError, match="model must be a registered name, a folder or an hf:// id, got"):
        locate(model)


@pytest.mark.parametrize("model", ["x" * 5000, "fim-ode\n", " fim-ode", "FIM-ODE", "/dev/null"])
def test_odd_strings(model):
    with pytest.raises(WeightsError, match="no model '"):
        locate(model)


@pytest.mark.parametrize(
    "model",
    [
        "hf://",
        "hf://owner",
        "hf://owner/repo/",
        "hf://owner/../repo",
        "hf://owner/repo/../../etc@main",
        "hf://owner/repo@",
        "hf://owner/repo@a b",
        "hf://owner/repo\n",
        "hf:///owner/repo",
        "hf://-owner/repo",
        "hf://owner/repo--x",
    ],
)
@pytest.mark.usefixtures("no_network")
def test_malformed_hub_ids_are_refused_before_the_network(model, monkeypatch, tmp_path):
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    with pytest.raises(WeightsError, match="is not a hub id"):
        locate(model)


def test_download_at_a_revision_and_sub_folder(hub, dummy_folder, orbits):
    hub.offer(dummy_folder, "owner/repo", "v1.0", "models/tiny/")
    model = "hf://owner/repo/models/tiny@v1.0"
    loaded = load_model(model)
    assert loaded.sha256 == load_model(dummy_folder).sha256
    assert loaded.source == "hf://owner/repo/models/tiny@v1.0"
    assert {path for _, path in hub.requests} == {f"/owner/repo/resolve/v1.0/models/tiny/{name}" for name in FILES}
    requests = len(hub.requests)
    est = FIMODERegressor(model, device="cpu").fit(orbits)
    assert est.weights_["source"] == model
    assert len(hub.requests) == requests


def test_the_main_branch_is_the_default_and_is_named(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo")
    assert locate("hf://owner/repo").source == "hf://owner/repo@main"


def test_the_cache_needs_no_network(hub, dummy_folder, monkeypatch):
    hub.offer(dummy_folder, "owner/repo", COMMIT)
    model = f"hf://owner/repo@{COMMIT}"
    first = locate(model)
    monkeypatch.setattr(socket, "socket", None)
    assert locate(model) == first


@pytest.mark.parametrize("variable", ["HF_HUB_OFFLINE", "SKDYN_OFFLINE"])
def test_offline(hub, dummy_folder, monkeypatch, variable):
    hub.offer(dummy_folder, "owner/repo")
    hub.offer(dummy_folder, "owner/other")
    cached = locate("hf://owner/repo")
    hub.requests.clear()
    monkeypatch.setenv(variable, "1")
    assert locate("hf://owner/repo") == cached
    with pytest.raises(WeightsError) as caught:
        locate("hf://owner/other")
    message = str(caught.value)
    assert "hf://owner/other: config.json at main is not in the local hub cache" in message
    assert "SKDYN_OFFLINE or HF_HUB_OFFLINE" in message
    assert hub.requests == []


@pytest.mark.parametrize(
    ("value", "offline"),
    [
        ("1", True),
        ("true", True),
        ("YES", True),
        ("on", True),
        ("0", False),
        ("", False),
        ("False", False),
        ("no", False),
    ],
)
def test_offline_values(monkeypatch, value, offline):
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    monkeypatch.setenv("SKDYN_OFFLINE", value)
    assert is_offline() is offline


@pytest.mark.parametrize(
    ("model", "place"),
    [
        ("hf://nobody/nothing", "config.json at main"),
        ("hf://owner/repo/absent", "absent/config.json at main"),
        ("hf://owner/repo@absent", "config.json at absent"),
    ],
)
def test_what_the_hub_does_not_have(hub, dummy_folder, model, place):
    hub.offer(dummy_folder, "owner/repo")
    with pytest.raises(WeightsError) as caught:
        locate(model)
    message = str(caught.value)
    assert model in message
    assert place in message
    assert "Looked at: the local hub cache (not there); the hub (" in message
    assert "404" in message


def test_a_page_instead_of_a_file(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo")
    hub.files["owner/repo", "main", "model.safetensors"] = b"<!DOCTYPE html><title>Sign in</title>"
    with pytest.raises(WeightsError, match=r"model\.safetensors is an HTML page"):
        load_model("hf://owner/repo")


def test_a_pointer_instead_of_a_file(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo")
    hub.files["owner/repo", "main", "model.safetensors"] = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"
    with pytest.raises(WeightsError, match=r"model\.safetensors is a Git LFS pointer"):
        load_model("hf://owner/repo")


def test_a_server_that_is_no_hub(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo")
    hub.headers = {}
    with pytest.raises(WeightsError, match=r"config\.json at main cannot be had.*the hub \("):
        locate("hf://owner/repo")


def test_any_failure_of_the_client_is_a_weights_error(hub, monkeypatch):
    class Proxy(Exception):
        pass

    def fail(*_, **__):
        raise Proxy("the proxy says no\nat length")

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", fail)
    with pytest.raises(WeightsError, match=r"the hub \(Proxy: the proxy says no\)$"):
        locate("hf://owner/repo")


def test_configuration_and_tensors_are_of_one_commit(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo", inside="tiny/")
    hub.offer(dummy_folder, "owner/repo", COMMIT, "tiny/")
    huggingface_hub.hf_hub_download("owner/repo", "tiny/config.json")
    later = COMMIT[::-1]
    hub.headers = {"X-Repo-Commit": later}
    download = huggingface_hub.hf_hub_download

    def of_commit(repo, name, revision):
        hub.headers = {"X-Repo-Commit": COMMIT if revision == COMMIT else later}
        return download(repo, name, revision=revision)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(huggingface_hub, "hf_hub_download", of_commit)
        found = locate("hf://owner/repo/tiny")
    assert found.config.parent == found.tensors.parent
    assert COMMIT in found.tensors.parts


def test_checksums_in_the_hub_cache_are_checked(hub, dummy_folder):
    hub.offer(dummy_folder, "owner/repo")
    sums = "".join(f"{hashlib.sha256((dummy_folder / name).read_bytes()).hexdigest()}  {name}\n" for name in FILES)
    hub.files["owner/repo", "main", "SHA256SUMS"] = sums.encode()
    huggingface_hub.hf_hub_download("owner/repo", "SHA256SUMS")
    files = locate("hf://owner/repo")
    content = bytearray(files.tensors.read_bytes())
    assert load_model("hf://owner/repo").source == "hf://owner/repo@main"
    content[-1] ^= 1
    files.tensors.write_bytes(content)
    with pytest.raises(WeightsError, match=r"model\.safetensors is damaged or altered"):
        load_model("hf://owner/repo")
