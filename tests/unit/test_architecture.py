"""The laws that no linter holds: sizes, rows, ports, borders, and what no file may name."""

import ast
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from domain.model.errors import GatewayError
from entrypoints.http.errors import STATUS

ROOT = Path(__file__).resolve().parents[2]
SRC = ROOT / "src"
CODE = sorted(path for folder in ("src", "tests", "bench", "examples") for path in (ROOT / folder).rglob("*.py"))
SOURCES = sorted(SRC.rglob("*.py"))
LONGEST_FILE = 300
LONGEST_FUNCTION = 50
MOST_METHODS = 4
NOT_PORTS = {"wire", "dialects"}
# Where an error of any kind may end: an observer must not hurt a request, and HTTP must answer.
BORDERS = {"src/adapters/observer/fan_out.py", "src/entrypoints/http/errors.py"}


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", CODE, ids=name)
def test_files_and_functions_are_short(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            assert length <= LONGEST_FUNCTION, f"{node.name} has {length} lines"


@pytest.mark.parametrize("path", [path for path in SOURCES if path.name == "__init__.py"], ids=name)
def test_a_package_says_what_it_is_and_nothing_else(path: Path) -> None:
    module = tree(path)
    assert ast.get_docstring(module)
    assert len(module.body) == 1


def test_every_folder_with_code_is_a_package() -> None:
    folders = {path.parent for path in SOURCES} - {SRC}
    assert [name(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_the_domain_is_its_three_rings() -> None:
    inside = {path.name for path in (SRC / "domain").iterdir() if path.name != "__pycache__"}
    assert inside == {"__init__.py", "model", "policies", "use_cases"}


@pytest.mark.parametrize(
    "path", [path for path in SOURCES if name(path).split("/")[1] in {"domain", "ports"}], ids=name
)
def test_the_hexagon_imports_only_the_standard_library_msgspec_and_itself(path: Path) -> None:
    allowed = sys.stdlib_module_names | {"msgspec", "domain", "ports"}
    for node in ast.walk(tree(path)):
        roots = []
        if isinstance(node, ast.Import):
            roots = [alias.name.split(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            roots = [(node.module or "").split(".")[0]]
        assert set(roots) <= allowed


@pytest.mark.parametrize(
    "path", [path for path in (SRC / "ports").glob("*.py") if path.name != "__init__.py"], ids=name
)
def test_a_port_is_named_for_its_file_and_small(path: Path) -> None:
    protocols = [
        node
        for node in tree(path).body
        if isinstance(node, ast.ClassDef)
        and any(isinstance(base, ast.Name) and base.id == "Protocol" for base in node.bases)
    ]
    assert path.stem.replace("_", "") in {protocol.name.lower() for protocol in protocols}
    for protocol in protocols:
        methods = [node for node in protocol.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert len(methods) <= MOST_METHODS, protocol.name
        assert all(ast.get_docstring(method) for method in methods), protocol.name


def test_adapter_folders_are_named_for_ports() -> None:
    ports = {path.stem for path in (SRC / "ports").glob("*.py")}
    folders = {path.name for path in (SRC / "adapters").iterdir() if path.is_dir() and path.name != "__pycache__"}
    assert folders - NOT_PORTS <= ports


def test_every_chat_provider_is_held_apart_from_its_neighbours_and_in_the_contract_suite() -> None:
    folder = SRC / "adapters" / "chat_provider"
    providers = {path.stem for path in folder.iterdir()} - {"__init__", "__pycache__", "over_http"}
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    apart = next(row["modules"] for row in contracts if row["name"] == "A provider does not know its neighbours")
    assert {module.rpartition(".")[2] for module in apart} == providers
    suite = (ROOT / "tests" / "contract" / "test_chat_provider.py").read_text()
    assert [provider for provider in providers if f'"{provider}"' not in suite] == []


def subclasses(kind: type[GatewayError]) -> set[type[GatewayError]]:
    direct = {found for found in kind.__subclasses__() if found.__module__.startswith(("domain.", "entrypoints."))}
    return {kind} | {leaf for found in direct for leaf in subclasses(found)}


def test_every_error_has_a_row_in_the_table() -> None:
    assert subclasses(GatewayError) == set(STATUS)


def test_input_never_means_a_5xx_and_a_provider_never_a_4xx_but_429() -> None:
    from domain.model.errors import CallerError, UpstreamError  # noqa: PLC0415 - beside what it says

    for kind, row in STATUS.items():
        if issubclass(kind, CallerError):
            assert 400 <= row.status < 500, kind
        if issubclass(kind, UpstreamError):
            assert row.status >= 500 or row.status == 429, kind


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_errors_of_any_kind_end_only_at_the_borders(path: Path) -> None:
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.ExceptHandler):
            caught = "" if node.type is None else ast.unparse(node.type)
            if node.type is None or re.search(r"\b(Exception|BaseException)\b", caught):
                assert name(path) in BORDERS
        if isinstance(node, ast.Call) and ast.unparse(node.func).endswith("suppress"):
            assert not re.search(r"\b(Exception|BaseException)\b", ast.unparse(node))


@pytest.mark.parametrize("path", SOURCES, ids=name)
def test_no_source_names_a_mock(path: Path) -> None:
    assert "unittest.mock" not in path.read_text(encoding="utf-8")


def tracked() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return [ROOT / line for line in listed.stdout.splitlines() if (ROOT / line).is_file()]


def test_locks_name_no_registry_and_pin_everything_with_hashes() -> None:
    for path in (path for path in tracked() if path.suffix == ".lock"):
        text = path.read_text()
        assert "://" not in text, name(path)
        pins = re.findall(r"^[a-z0-9][\w.\-\[\]]*==[^\s;\\]+", text, re.MULTILINE)
        lines = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert len(pins) == len(lines), name(path)
        assert text.count("--hash=sha256:") >= len(pins)


def test_no_file_names_a_place_on_somebodys_machine() -> None:
    homes = re.compile(r"(?<![\w.])/(?:work|root|home)/")
    scratch = re.compile(r"(?<![\w.])/tmp/")
    for path in tracked():
        if path == Path(__file__):
            continue
        text = path.read_bytes().decode("utf-8", "replace")
        assert not homes.search(text), name(path)
        if name(path).startswith(("src/", "docs/", "examples/")) or path.suffix == ".md":
            assert not scratch.search(text), name(path)
