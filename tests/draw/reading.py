"""Random graphs to draw, and the content of drawings, read back from their source or SVG."""

import re
import xml.etree.ElementTree as ElementTree
from collections import Counter

from hypothesis import strategies as st

from autograd_mini import Value
from autograd_mini import functions as f
from autograd_mini.graph import topological_order

SVG = "{http://www.w3.org/2000/svg}"
EDGE_LABEL = re.compile(r'^\s*(e\d+) \[label=<.*? POINT-SIZE="14">(.*?)</FONT>', re.M)
NAMES = "uvwxyz"
OPERATIONS = [
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / y,
    lambda x, y: -x,
    lambda x, y: x**y,
    lambda x, y: x**2,
    lambda x, y: 0.5 - x,
    lambda x, y: f.tanh(x),
    lambda x, y: f.maximum(x, y),
    lambda x, y: f.sum([x, y, x]),
    lambda x, y: f.dot([x, 2.0], [y, x]),
    lambda x, y: f.softmax([x, y])[1],
    lambda x, y: f.where(x > y, x, y),
]


@st.composite
def graphs(draw, operations=OPERATIONS, max_size=10):
    """A Value computed in a few steps from a few labelled leaves."""
    nodes = [Value(draw(st.integers(-3, 3)), label=name) for name in NAMES[: draw(st.integers(1, 4))]]
    for _ in range(draw(st.integers(1, max_size))):
        pick = st.sampled_from(nodes)
        nodes.append(draw(st.sampled_from(operations))(draw(pick), draw(pick)))
    return nodes[-1]


def slopes(node):
    """The local derivatives of a node by the rule in the table, all of them."""
    return node.operation.partials(node.data, *[parent.data for parent in node.parents]) if node.operation else ()


def expected(*results):
    """Boxes by key, and edges with their labels, as they must be in the drawing."""
    order = topological_order(*reversed(results))
    keys = {node: index for index, node in enumerate(order)}
    boxes = Counter(f"v{key}" for key in keys.values())
    boxes += Counter(f"o{keys[node]}" for node in order if node.parents)
    edges = Counter((f"o{keys[node]}", f"v{keys[node]}", "") for node in order if node.parents)
    edges += Counter(
        (f"v{keys[parent]}", f"o{keys[node]}", f"{local:.4g}")
        for node in order
        for parent, local in zip(node.parents, slopes(node))
    )
    return boxes, edges


def read_source(source):
    """The same from DOT source; a label in the middle of an arrow is part of the arrow."""
    boxes = Counter(re.findall(r"^\s*([vo]\d+) \[", source, re.M))
    labels = dict(EDGE_LABEL.findall(source))
    return boxes, _joined(re.findall(r"^\s*(\w+) -> (\w+) \[", source, re.M), labels)


def read_svg(svg):
    """The same from the rendered picture."""
    groups = {kind: [] for kind in ("node", "edge", "cluster")}
    for group in ElementTree.fromstring(svg).iter(f"{SVG}g"):
        if group.get("class") in groups:
            groups[group.get("class")].append((group.find(f"{SVG}title").text, texts(group)))
    boxes = Counter(title for title, _ in groups["node"] if title[0] in "vo")
    labels = {title: "".join(shown) for title, shown in groups["node"] if title[0] == "e"}
    return boxes, _joined([title.split("->") for title, _ in groups["edge"]], labels)


def texts(element):
    """All texts in an SVG element."""
    return ["".join(text.itertext()).strip() for text in element.iter(f"{SVG}text")]


def shown_texts(svg):
    return texts(ElementTree.fromstring(svg))


def _joined(arrows, labels):
    heads = {tail: head for tail, head in arrows if tail in labels}
    assert heads.keys() == labels.keys()
    return Counter(
        (tail, heads[head], labels[head]) if head in labels else (tail, head, "")
        for tail, head in arrows
        if tail not in labels
    )
