// Forward pass and backward pass on numbers: the operations of Python's engine, in its order. A graph is a list of
// nodes, parents first; the last one is the result.

/** For every node its children, the last of the graph first: [{child, slot}], where slot is the operand's number. */
function childrenOf(nodes) {
  const children = nodes.map(() => []);
  for (let place = nodes.length - 1; place >= 0; place--)
    nodes[place].parents.forEach((parent, slot) => children[parent].push({ child: place, slot }));
  return children;
}

/** The forward pass: the number of every node, with that of the node at `place` replaced by `number`. */
function forward(nodes, leaves, place = -1, number = 0) {
  const data = [];
  nodes.forEach((node, index) => {
    if (index === place) data.push(number);
    else if (!node.row) data.push(leaves[index]);
    else data.push(rows[node.row].forward(...operandsOf(node, data)));
  });
  return data;
}

function operandsOf(node, data) {
  const numbers = node.parents.map((parent) => data[parent]);
  return node.takesList ? [numbers] : numbers;
}

/** The local derivatives of every node with respect to its operands. */
function localDerivatives(nodes, data) {
  return nodes.map((node, place) =>
    node.row ? rows[node.row].partials(data[place], ...operandsOf(node, data)) : [],
  );
}

/** The backward pass: adjoints, and for every node the terms of its sum, one for each child, in the order of adding.
 *  A zero that no child passed on, or that belongs to a branch not taken, adds nothing; where another zero meets inf or
 *  nan, inf meets -inf, or operands are tied, Python takes limits, and `doubtful` holds the node. */
function backward(nodes, data, locals) {
  const result = nodes.length - 1;
  const adjoints = nodes.map(() => 0);
  const given = nodes.map(() => false);
  const terms = nodes.map(() => []);
  const doubtful = new Set();
  adjoints[result] = 1;
  given[result] = true;
  for (let child = result; child >= 0; child--) {
    const node = nodes[child];
    if (node.row && rows[node.row].tied?.(data[child], ...operandsOf(node, data))) doubtful.add(child);
    node.parents.forEach((parent, slot) => {
      const adjoint = adjoints[child];
      const local = locals[child][slot];
      const carries = given[child] && !(local === 0 && node.selects);
      const product = carries ? adjoint * local : 0;
      if (carries && Number.isNaN(adjoints[parent] + product) && !Number.isNaN(adjoint)) doubtful.add(child);
      if (nodes[parent].kind !== "constant") terms[parent].push({ child, slot, adjoint, local, product });
      if (!carries) return;
      adjoints[parent] += product;
      given[parent] = true;
    });
  }
  return { adjoints, terms, doubtful };
}

/** The wrong adjoints if nodes pass theirs on before they are complete: each as soon as it is reached. If no node in
 *  between has several children, that does no harm; then the pass runs from the inputs to the result, which does. */
function inWrongOrder(nodes, locals, right) {
  const result = nodes.length - 1;
  const adjoints = nodes.map(() => 0);
  adjoints[result] = 1;
  const spread = (place) =>
    nodes[place].parents.forEach((parent, slot) => (adjoints[parent] += adjoints[place] * locals[place][slot]));
  const done = new Set();
  const visit = (place) => {
    done.add(place);
    spread(place);
    for (const parent of nodes[place].parents) if (!done.has(parent)) visit(parent);
  };
  visit(result);
  if (right.some((adjoint, place) => adjoint !== adjoints[place] && nodes[place].kind !== "constant"))
    return { adjoints, isEarly: true };
  adjoints.fill(0);
  adjoints[result] = 1;
  nodes.forEach((_, place) => spread(place));
  return { adjoints, isEarly: false };
}

/** (y(x + h) - y(x - h)) / 2h for the node x at `place`; what does not depend on x stays. */
function centralDifference(nodes, leaves, data, place) {
  const h = 1e-5 * Math.max(1, Math.abs(data[place]));
  const above = data[place] + h;
  const below = data[place] - h;
  const at = (number) => forward(nodes, leaves, place, number)[nodes.length - 1];
  const difference = (at(above) - at(below)) / (above - below);
  const blur = (4e-15 * Math.abs(data[nodes.length - 1])) / h;
  return { difference, tolerance: blur + 1e-5 * Math.abs(difference) + 1e-9 };
}

/** Up to `most` paths from a node to the result, each a list of {child, slot}; and how many paths there are. */
function pathsFrom(place, nodes, children, most = 5) {
  const counts = nodes.map(() => 0);
  counts[nodes.length - 1] = 1;
  for (let i = nodes.length - 2; i >= 0; i--) counts[i] = children[i].reduce((sum, { child }) => sum + counts[child], 0);
  const paths = [];
  const walk = (from, path) => {
    if (paths.length === most) return;
    if (from === nodes.length - 1) paths.push(path);
    else for (const edge of children[from]) walk(edge.child, [...path, edge]);
  };
  walk(place, []);
  return { paths, count: counts[place] };
}
