// Gradient descent, and predictions.

/** The loss as it falls: in words, and a chart. */
function chartOf(losses, name) {
  const finite = losses.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const x = (i) => 8 + (i * 284) / (losses.length - 1);
  const y = (loss) => 128 - (high > low ? ((loss - low) / (high - low)) * 110 : 55);
  const points = losses.map((loss, i) => (Number.isFinite(loss) ? `${x(i).toFixed(1)},${y(loss).toFixed(1)}` : ""));
  const count = losses.length - 1;
  const words = `${name} = ${short(losses[0])} at the start, ${short(losses.at(-1))} after ${count} step${count > 1 ? "s" : ""}`;
  const axis = drawn("line", { class: "axis", x1: 8, y1: 134, x2: 292, y2: 134 });
  const falling = drawn("polyline", { points: points.join(" ") });
  const frame = { class: "chart", viewBox: "0 0 300 140", preserveAspectRatio: "none", role: "img" };
  return [element("p", {}, words), drawn("svg", { ...frame, "aria-label": words }, axis, falling)];
}

/** One step of gradient descent on all parameters, by the gradients that the leaves hold; these are cleared then. */
function descend(page) {
  if (!page.losses.length) page.losses = [page.data[page.result]];
  const gradients = page.nodes.map((_, place) => page.gradientOf(place));
  for (const place of page.parameters) page.leaves[place] -= page.rate * gradients[place];
  page.clear();
  page.compute();
  page.losses.push(page.data[page.result]);
}

/** The answers offered for an adjoint: the right one, and what comes of known misconceptions, each with what is wrong. */
function answersFor({ nodes, result, locals, adjoints, terms }, place) {
  const [own, right, name] = [terms[place], adjoints[place], nodes[place].name];
  const early = inWrongOrder(nodes, locals, adjoints);
  const sumOf = (term) => own.reduce((sum, each) => sum + term(each), 0);
  const swapped = sumOf(({ child, slot, adjoint }) => (nodes[child].row === "mul" ? adjoint * locals[child][1 - slot] : NaN));
  const wrong = [
    [own.at(-1)?.product, `That is the last term alone. ${name} is used ${own.length} times, and each use adds its term: +=, not =.`],
    [own[0]?.product, `That is the first term alone. ${name} is used ${own.length} times: the adjoint is complete only after all have added.`],
    [early.isEarly ? early.adjoints[place] : NaN, "That comes of the wrong order: a child handed on its adjoint before all its own terms had arrived."],
    [2 * right, "That is a stale gradient: what an earlier backward pass had left was not cleared, and this one added to it."],
    [swapped, "That takes the local derivative towards the other operand. Of a product, ∂(a·b)/∂a is b."],
    [sumOf(({ local }) => local), "That is the local derivative alone: it must be multiplied by the adjoint of the child."],
    [sumOf(({ adjoint }) => adjoint), "That hands the adjoint on as it is: it must be multiplied by the local derivative."],
    [-right, "The size is right, the sign is not."],
    [right + 1, `That adds 1, which is the adjoint of ${nodes[result].name} alone.`],
  ];
  const answers = [{ number: right, why: "" }];
  for (const [number, why] of wrong)
    if (answers.length < 4 && Number.isFinite(number) && answers.every((each) => short(each.number) !== short(number)))
      answers.push({ number, why });
  const turn = (7 * place) % answers.length; // so that the right one is not always the first
  return [...answers.slice(turn), ...answers.slice(0, turn)];
}

/** The question for the adjoint at `place`; `answered(why)` hears what is wrong with the answer, "" for nothing. */
function questionFor(page, place, answered) {
  const { nodes, result, terms } = page;
  const uses = terms[place].slice(0, 4).map((term) => {
    const child = nodes[term.child].name;
    return line(`${child} has adjoint ${short(term.adjoint)};`, derivative(child, operandName(nodes, term)), `= ${short(term.local)}`);
  });
  const choices = answersFor(page, place).map(({ number, why }, i) => {
    const button = element("button", { "data-key": i + 1 }, `${i + 1}: ${signed(number)}`);
    button.addEventListener("click", () => answered(why));
    return button;
  });
  return [
    element("ul", { class: "terms" }, ...uses),
    element("p", {}, "What is ", derivative(nodes[result].name, nodes[place].name), " ?"),
    element("div", { class: "choices" }, ...choices),
  ];
}
