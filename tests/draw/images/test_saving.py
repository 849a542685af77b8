"""Pictures saved in every format, with every renderer, whole or not at all."""

import os
import re
import shutil
import stat
import subprocess
import sys
import sysconfig

import pytest

from autograd_mini import Value
from autograd_mini.draw import NoRendererError, RenderingError, UnknownFormatError, draw, draw_steps
from autograd_mini.draw.images import rendering
from tests.draw.browser import in_chromium, needs_chromium
from tests.draw.reading import expected, read_svg
from tests.interrupting import interrupt_everywhere

HEADS = {"svg": b"<?xml", "png": b"\x89PNG", "pdf": b"%PDF", "dot": b"digraph", "gv": b"digraph"}
needs_graphviz = pytest.mark.skipif(shutil.which("dot") is None, reason="Graphviz is not installed")


def graph():
    x = Value(2.0, label="x")
    return (x * x + 1).tanh()


@pytest.fixture
def y():
    return graph()


@pytest.fixture
def only_the_wheel(monkeypatch, tmp_path):
    monkeypatch.setenv("PATH", str(tmp_path / "no programs here"))


@pytest.fixture
def no_renderer(monkeypatch, only_the_wheel, tmp_path):
    monkeypatch.setattr(sysconfig, "get_path", lambda name: str(tmp_path / "no scripts here"))


def program(path, text):
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


@pytest.mark.parametrize("ending", ["svg", "png", "dot", "gv", "SVG", pytest.param("pdf", marks=needs_graphviz)])
def test_formats(y, tmp_path, ending):
    path = draw(y).save(tmp_path / f"graph.{ending}")
    content = (tmp_path / f"graph.{ending}").read_bytes()
    assert path == str(tmp_path / f"graph.{ending}")
    assert content.startswith(HEADS[ending.lower()])
    assert os.listdir(tmp_path) == [f"graph.{ending}"]
    draw(graph()).save(path)
    assert (tmp_path / f"graph.{ending}").read_bytes() == content


@pytest.mark.usefixtures("only_the_wheel")
@pytest.mark.parametrize("ending", ["svg", "png"])
def test_formats_of_the_wheel(y, tmp_path, ending):
    draw(y).save(tmp_path / f"graph.{ending}")
    content = (tmp_path / f"graph.{ending}").read_bytes()
    assert content.startswith(HEADS[ending])
    if ending == "svg":
        assert read_svg(content.decode()) == expected(y)


def test_bare_layouts_for_who_draws_otherwise():
    first, *_, last = rendering.render("digraph { a -> b }", "plain").decode().split()
    assert (first, last) == ("graph", "stop")


@needs_graphviz
def test_graphviz_itself_goes_first(y):
    assert b"graphviz-pure" not in rendering.render(draw(y).source, "svg")


@pytest.mark.usefixtures("only_the_wheel")
def test_without_graphviz_a_pdf_becomes_its_source(y, tmp_path):
    with pytest.raises(NoRendererError, match=r"makes pdf files; install Graphviz.*or save an \.svg.*source is in"):
        draw(y).save(tmp_path / "graph.pdf")
    assert (tmp_path / "graph.dot").read_text() == draw(y).source
    assert os.listdir(tmp_path) == ["graph.dot"]


@pytest.mark.usefixtures("no_renderer")
def test_without_any_renderer_a_picture_becomes_its_source(y, tmp_path):
    with pytest.raises(NoRendererError, match="install the package graphviz-pure"):
        draw(y).save(tmp_path / "graph.svg")
    assert (tmp_path / "graph.dot").read_text() == draw(y).source
    assert draw(y)._repr_mimebundle_().keys() == {"text/plain"}


def test_a_renderer_that_fails_is_replaced_by_the_next(y, tmp_path, monkeypatch):
    program(tmp_path / "dot", "echo broken >&2; exit 1")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    assert read_svg(draw(y)._repr_svg_()) == expected(y)
    with pytest.raises(RenderingError, match=r"could not be made.*broken.*save the picture as \.dot"):
        draw(y).save(tmp_path / "graph.pdf")


def test_a_layout_that_takes_too_long_is_given_up(y, tmp_path, monkeypatch):
    program(tmp_path / "dot", "exec /bin/sleep 60")
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(RenderingError, match=r"took more than 0\.2 s"):
        draw(y).save(tmp_path / "graph.svg", timeout=0.2)
    assert os.listdir(tmp_path) == ["dot"]


@pytest.mark.parametrize("name", ["graph.bmp", "graph", "graph.svg.zip", ".svg", ""])
def test_other_endings(y, tmp_path, name):
    with pytest.raises(UnknownFormatError, match=r"choose a name that ends in \.svg, \.png, \.pdf or \.dot"):
        draw(y).save(tmp_path / name)
    assert os.listdir(tmp_path) == []


def test_render_says_what_to_use(y, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for call in (lambda: draw(y).render("graph", format="svg"), draw(y).view):
        with pytest.raises(NotImplementedError, match=r'save\("graph\.svg"\) writes the image'):
            call()
    with pytest.raises(UnknownFormatError, match="choose a name that ends in"):
        draw(y).save("")
    assert os.listdir(tmp_path) == []


def test_places_that_cannot_be_written(y, tmp_path):
    with pytest.raises(FileNotFoundError, match="choose a file in a folder that exists and is writable"):
        draw(y).save(tmp_path / "missing" / "graph.svg")
    (tmp_path / "file").write_text("")
    with pytest.raises(NotADirectoryError, match="cannot write"):
        draw(y).save(tmp_path / "file" / "graph.svg")
    (tmp_path / "folder.svg").mkdir()
    with pytest.raises(IsADirectoryError, match="cannot write"):
        draw(y).save(tmp_path / "folder.svg")
    assert sorted(os.listdir(tmp_path)) == ["file", "folder.svg"]


def test_a_failure_leaves_the_old_file(y, tmp_path, monkeypatch):
    path = tmp_path / "graph.dot"
    path.write_text("old")

    def fail(source, target):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(OSError, match="No space left on device"):
        draw(y).save(path)
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["graph.dot"]


def test_a_link_is_written_through_and_permissions_follow_the_umask(y, tmp_path):
    (tmp_path / "link.dot").symlink_to(tmp_path / "graph.dot")
    draw(y).save("link.dot", tmp_path)
    assert (tmp_path / "link.dot").is_symlink()
    (tmp_path / "plain").write_text("")
    assert (tmp_path / "graph.dot").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_existing_files_are_skipped_on_request(y, tmp_path):
    (tmp_path / "graph.svg").write_text("old")
    draw(y).save("graph.svg", tmp_path, skip_existing=True)
    assert (tmp_path / "graph.svg").read_text() == "old"


def test_notebooks(y):
    drawing = draw(y)
    bundle = drawing._repr_mimebundle_()
    assert bundle.keys() == {"image/svg+xml", "image/png", "text/html"}
    assert bundle["image/svg+xml"] == drawing._repr_svg_()
    assert bundle["image/png"].startswith(HEADS["png"])
    assert drawing._repr_mimebundle_(include=["image/png"]).keys() == {"image/png"}
    assert drawing._repr_mimebundle_(exclude=["text/html"]).keys() == {"image/svg+xml", "image/png"}
    steps = draw_steps(y)._repr_mimebundle_()
    assert steps.keys() == bundle.keys()
    assert "<script>" in steps["image/svg+xml"]


# What shows in a narrow cell, and how wide it and the page are.
CELL = """const shown = document.querySelector("object, img");
finish([shown.tagName, shown.getBoundingClientRect().width, document.documentElement.scrollWidth,
  [...document.querySelectorAll("img")].map(image => image.naturalWidth)]);"""


@needs_chromium
@pytest.mark.parametrize("is_trusted", [True, False])
def test_in_a_notebook_pictures_shrink_to_the_cell_and_show_where_they_are_not_trusted(y, tmp_path, is_trusted):
    content = draw(y)._repr_mimebundle_()["text/html"]
    if not is_trusted:  # elements that hold documents are taken away, and what is within stays
        content = re.sub("</?object.*?>", "", content)
    waiting = "setTimeout(() => {" + CELL + "}, 300);"
    body = f"<div style='width:300px'>{content}</div>"
    tag, width, page_width, images = in_chromium(body, waiting, tmp_path, "--window-size=800,600")
    assert tag == ("OBJECT" if is_trusted else "IMG")
    assert 250 <= width <= 300
    assert page_width <= 800
    assert is_trusted or images[0] > 300


def test_without_the_package_that_draws_pngs_there_is_still_the_svg(y, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    bundle = draw(y)._repr_mimebundle_()
    assert bundle["image/svg+xml"].startswith("<?xml")
    assert "install it with pip" in bundle["text/plain"]
    with pytest.raises(NoRendererError, match="a png needs the package resvg-py"):
        draw(y).save(tmp_path / "y.png")


@needs_graphviz
def test_pdfs_do_not_depend_on_the_day(y, tmp_path):
    source = draw(y).source
    plain = subprocess.run(["dot", "-Tpdf"], input=source.encode(), capture_output=True, check=True).stdout
    if b"/CreationDate" in plain:
        assert b"/CreationDate (D:19700101000000" in rendering.render(source, "pdf")


def test_ctrl_c_anywhere_leaves_the_old_picture_or_the_new_one(tmp_path, y):
    def make():
        (tmp_path / "y.svg").write_text("old")

    def run(_):
        draw(y).save(tmp_path / "y.svg")

    run(None)
    new = (tmp_path / "y.svg").read_text()

    def check(_):
        assert os.listdir(tmp_path) == ["y.svg"]
        assert (tmp_path / "y.svg").read_text() in ("old", new)

    interrupt_everywhere(make, run, check, most=60)
    interrupt_everywhere(make, run, check, most=40, within=["draw/drawing.py", "draw/images/rendering.py", "files.py"])
