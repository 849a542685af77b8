// The steps of both passes, and the chain rule of a step in mathematics and numbers.

const INFIX = { add: "+", sub: "−", mul: "×", div: "/" };
const MOST_TERMS = 12;

/** The steps: every operation in order; then the result's own adjoint; then each node once its children have theirs. */
function stepsOf(nodes) {
  const steps = [{ kind: "start", place: -1 }];
  nodes.forEach((node, place) => node.row && steps.push({ kind: "forward", place }));
  steps.push({ kind: "seed", place: nodes.length - 1 });
  for (let place = nodes.length - 2; place >= 0; place--)
    if (nodes[place].kind !== "constant") steps.push({ kind: "backward", place });
  return steps;
}

/** ∂above/∂below as a fraction. */
function derivative(above, below) {
  const part = (name) => mathml("mrow", {}, mathml("mo", {}, "∂"), mathml("mi", {}, name));
  return mathml("math", {}, mathml("mfrac", {}, part(above), part(below)));
}

/** A number in the colour of its sign. */
function coloured(x, text = signed(x)) {
  return element("span", { class: signOf(x) }, text);
}

/** Texts and elements as one line, which may break between them. */
function line(...parts) {
  return element("li", {}, ...parts.flatMap((part) => [part, " "]));
}

function quiet(text) {
  return element("span", { class: "quiet" }, text);
}

/** An operation applied to its operands, as text; each operand is written by `tell(operand, isBare)`. */
function appliedTo(node, operands, tell) {
  const isOfPairs = /^(dot|sumprod) of/.test(node.row);
  const half = operands.length / 2;
  if (isOfPairs) return operands.slice(0, half).map((x, i) => `${tell(x)} × ${tell(operands[half + i])}`).join(" + ");
  const infix = /^f?sum of/.test(node.row) ? "+" : INFIX[node.row];
  if (infix) return operands.map((x) => tell(x)).join(` ${infix} `);
  const told = operands.map((x) => tell(x, true));
  return `${node.symbol}(${(told.length > 8 ? [...told.slice(0, 6), "…", told.at(-1)] : told).join(", ")})`;
}

/** The name of the operand that a term belongs to; for x·x it says which x is meant. */
function operandName(nodes, { child, slot }) {
  const { parents } = nodes[child];
  const isTwice = parents.indexOf(parents[slot]) !== parents.lastIndexOf(parents[slot]);
  return nodes[parents[slot]].name + (isTwice ? ` as operand ${slot + 1}` : "");
}

/** How the forward pass computed a number. */
function forwardLine({ nodes, data }, place) {
  const node = nodes[place];
  const names = appliedTo(node, node.parents, (parent) => nodes[parent].name);
  const numbers = appliedTo(node, node.parents, (parent, isBare) => (isBare ? short : factor)(data[parent]));
  return line(`${node.name} = ${names} = ${numbers} = ${short(data[place])}`);
}

/** The operands of a node that are no constants, by number. */
function slotsOf(nodes, place) {
  const { parents } = nodes[place];
  return [...parents.keys()].filter((slot) => nodes[parents[slot]].kind !== "constant");
}

/** The local derivatives that are kept for the backward pass. */
function localLines({ nodes, locals }, place) {
  const told = slotsOf(nodes, place).slice(0, MOST_TERMS).map((slot) => {
    const towards = operandName(nodes, { child: place, slot });
    return line(derivative(nodes[place].name, towards), "=", coloured(locals[place][slot]));
  });
  return told.length ? [line(quiet("Local derivatives, kept for the backward pass:")), ...told] : [];
}

/** ∂y/∂x = Σ over the children of x of (adjoint of the child × local derivative), term by term. */
function backwardLines({ nodes, result, terms: allTerms, adjoints }, place, isKnown) {
  const [name, top, terms] = [nodes[place].name, nodes[result].name, allTerms[place]];
  const whole = () => derivative(top, name);
  if (place === result) return [line(whole(), "= 1: the result changes with itself one to one.")];
  const lines = terms.slice(0, MOST_TERMS).map((term) => {
    const child = nodes[term.child].name;
    const parts = [derivative(top, child), "·", derivative(child, operandName(nodes, term))];
    if (isKnown) parts.push(`= ${short(term.adjoint)} × ${factor(term.local)} =`, coloured(term.product));
    return terms.length > 1 ? line(...parts) : line(whole(), "=", ...parts);
  });
  if (terms.length > MOST_TERMS) lines.push(line(`… and ${terms.length - MOST_TERMS} more terms`));
  if (terms.length < 2) return lines;
  lines.unshift(line(whole(), `= the sum over its ${terms.length} uses of (adjoint of the child × local derivative):`));
  const sum = terms.slice(0, 6).map(({ product }, i) => (i ? factor(product) : short(product)));
  if (terms.length > 6) sum.push("…");
  if (isKnown) lines.push(line(whole(), `= ${sum.join(" + ")} =`, coloured(adjoints[place])));
  return lines;
}

/** The paths that the terms come from: along each, the local derivatives are multiplied. */
function pathLines({ nodes, result, locals, children }, place) {
  const { paths, count } = pathsFrom(place, nodes, children);
  const lead = count === 1 ? "One path leads" : `${count.toLocaleString("en")} paths lead`;
  const sum = count === 1 ? "along it, local derivatives are multiplied" : "the gradient is the sum of their products";
  const lines = [line(quiet(`${lead} from ${nodes[place].name} to ${nodes[result].name}; ${sum}:`))];
  for (const path of paths) {
    const names = [place, ...path.map(({ child }) => child)].map((each) => nodes[each].name);
    const factors = path.map(({ child, slot }) => locals[child][slot]);
    const product = factors.reduceRight((done, local) => done * local, 1);
    lines.push(line(`${names.join(" → ")}:`, `${factors.map(factor).join(" × ")} =`, coloured(product)));
  }
  if (count > paths.length) lines.push(line("…"));
  return lines;
}

function differenceLine(page, place) {
  const { difference, agrees } = page.differenceAt(place);
  const [name, y] = [page.nodes[place].name, page.nodes[page.result].name];
  return line(
    quiet(`Finite difference (${y}(${name} + h) − ${y}(${name} − h)) / 2h =`),
    coloured(difference, signed(difference, 6)),
    agrees ? "✓ agrees" : "≠ differs: is there a kink or a jump nearby?",
  );
}

/** Heading and lines of the panel that explains a step, or the node that is pointed at. */
function explanation(page) {
  const { nodes, result, terms } = page;
  const step = page.steps[page.step];
  const pointed = page.pointed ?? page.chosen;
  const place = pointed ?? step.place;
  const name = nodes[place]?.name;
  if (place < 0) return ["Before the first step"];
  if (pointed === null && step.kind === "forward")
    return [`Forward: ${name}`, forwardLine(page, place), ...localLines(page, place)];
  const isKnown = page.hasAdjoint(place);
  const lines = [...backwardLines(page, place, isKnown)];
  if (nodes[place].row && page.hasData(place) && pointed !== null) lines.unshift(forwardLine(page, place));
  if (pointed === null && terms[place].length) {
    const children = [...new Set(terms[place].map(({ child }) => nodes[child].name))];
    const listed = children.length > 5 ? `${children.length} children` : children.join(", ");
    lines.unshift(line(quiet(`Now comes ${name}, since everything that uses it has its adjoint: ${listed}.`)));
  }
  if (!isKnown) lines.push(line("The backward pass has not been here yet."));
  else if (place !== result) lines.push(...pathLines(page, place), differenceLine(page, place));
  return [`Backward: ${name}`, ...lines];
}
