import re
from pathlib import Path

import pytest

README = Path(__file__).parent.parent / "README.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", README.read_text(), re.MULTILINE | re.DOTALL)


def test_every_snippet_runs(tmp_path, monkeypatch, capsys):
    """In order and in one namespace, as a reader would type them."""
    from autograd_mini import TABLE, Value

    monkeypatch.chdir(tmp_path)
    before = set(TABLE)
    namespace = {}
    try:
        for snippet in SNIPPETS:
            exec(compile(snippet, str(README), "exec"), namespace)
    finally:
        for name in set(TABLE) - before:
            del TABLE[name]
            delattr(Value, name)
    assert len(SNIPPETS) >= 6
    (program,) = re.findall(r"<!-- program -->\n```text\n(.*?)```", README.read_text(), re.DOTALL)
    assert program in capsys.readouterr().out
    assert (tmp_path / "neuron.svg").read_text().lstrip().startswith("<?xml")


def test_what_snippets_print_is_what_they_say(capsys):
    said = 0
    for snippet in SNIPPETS:
        claims = re.findall(r"^print\(.*\)  # (.*)$", snippet, re.MULTILINE)
        if claims:
            exec(compile(snippet, str(README), "exec"), {})
            printed = capsys.readouterr().out.split()
            assert [float(number) for number in printed] == pytest.approx(
                [float(number) for claim in claims for number in claim.split()], rel=1e-14
            )
            said += len(claims)
    assert said


def test_pictures_and_files_it_names_exist():
    named = re.findall(r"\]\(([^)#:]+)\)", README.read_text())
    assert named
    assert [path for path in named if not (README.parent / path).exists()] == []
