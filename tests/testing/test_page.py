"""The guide to checking gradients runs as it stands."""

import re
from pathlib import Path

from autograd_mini import TABLE, Value

PAGE = Path(__file__).parents[2] / "demos" / "docs" / "checking_gradients.md"
SNIPPETS = re.findall(r"^```python\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)


def test_every_snippet_runs_in_order(capsys):
    namespace = {}
    try:
        for snippet in SNIPPETS:
            exec(compile(snippet, str(PAGE), "exec"), namespace)
    finally:
        if TABLE.pop("cube", None):
            del Value.cube
    assert len(SNIPPETS) >= 8
    printed = capsys.readouterr().out
    assert "6 of 6 agree" in printed
    assert "\nlambda x0: ag.TABLE['cube'](x0)\n" in printed
    value, derivative, forward = printed.split()[-3:]
    assert value.startswith("0.2397127693021")
    assert derivative[:15] == forward[:15] == "0.9182168195493"
