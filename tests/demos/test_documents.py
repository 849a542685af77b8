"""README and the guides: their snippets run and print what the text shows, and what they link to exists."""

import re
from pathlib import Path

import pytest

import autograd_mini
import autograd_mini.functions

ROOT = Path(__file__).parent.parent.parent
PACKAGE = ROOT / "autograd_mini"
GUIDES = sorted((ROOT / "demos" / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "demos" / "README.md", *GUIDES]
REFERENCE = ROOT / "demos" / "docs" / "reference"


def snippets(page):
    return re.findall(r"^```python\n(.*?)^```", page.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def table():
    """The table of primitives, without what snippets add to it."""
    before = set(autograd_mini.TABLE)
    yield
    for name in set(autograd_mini.TABLE) - before:
        del autograd_mini.TABLE[name]
        delattr(autograd_mini.Value, name)


@pytest.mark.parametrize("page", [page for page in PAGES if snippets(page)], ids=lambda page: page.stem)
def test_every_snippet_runs(page, tmp_path, monkeypatch, capsys, table):
    """The snippets of a page run in order and in one namespace, as a reader would type them."""
    monkeypatch.chdir(tmp_path)
    namespace = {}
    for snippet in snippets(page):
        exec(compile(snippet, str(page), "exec"), namespace)
    printed = capsys.readouterr().out
    for said in re.findall(r"<!-- printed -->\n```text\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL):
        assert said in printed


def test_the_first_snippet_prints_what_it_says(capsys):
    first = snippets(ROOT / "README.md")[0]
    (claim,) = re.findall(r"^print\(.*\)  # (.*)$", first, re.MULTILINE)
    exec(compile(first, "README.md", "exec"), {})
    printed = [float(number) for number in capsys.readouterr().out.split()]
    assert printed == pytest.approx([float(number) for number in claim.split()], rel=1e-14)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}-{page.stem}")
def test_pictures_and_files_it_names_exist(page):
    text = re.sub(r"^```.*?^```|`[^`\n]*`", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    named = re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text)
    assert [path for path in named if not (page.parent / path).exists()] == []


def test_every_guide_stands_in_the_table_of_contents():
    contents = (ROOT / "demos" / "docs" / "index.md").read_text(encoding="utf-8")
    assert [page.stem for page in GUIDES if page.stem != "index" and f"\n{page.stem}\n" not in contents] == []
    assert [page.stem for page in REFERENCE.glob("*.rst") if f"\nreference/{page.stem}\n" not in contents] == []


def test_every_public_name_stands_in_the_reference():
    pages = "".join(page.read_text(encoding="utf-8") for page in REFERENCE.glob("*.rst"))
    named = set(re.findall(r"(?:auto(?:function|class)|py:data):: (?:autograd_mini\.)?(\w+)", pages))
    modules = set(re.findall(r"automodule:: (autograd_mini[\w.]*)", pages))
    assert "autograd_mini.functions" in modules
    named |= {name for name, thing in vars(autograd_mini.functions).items() if callable(thing)}
    assert sorted(set(autograd_mini.__all__) - named) == []
    packages = {f"autograd_mini.{path.parent.name}" for path in PACKAGE.glob("*/__init__.py")}
    assert sorted(packages - modules - {"autograd_mini.primitives"}) == []
