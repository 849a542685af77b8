// Gradient descent, and predictions.

/** The loss as it falls: in words, and a chart. */
function chartOf(losses, name) {
  const finite = losses.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  const x = (i) => 8 + (i * 284) / (losses.length - 1);
  const y = (loss) => 128 - (high > low ? ((loss - low) / (high - low)) * 110 : 55);
  const points = losses.map((loss, i) => (Number.isFinite(loss) ? `${x(i).toFixed(1)},${y(loss).toFixed(1)}` : ""));
  const count = losses.length - 1;
  const steps = `${count} step${count > 1 ? "s" : ""}`;
  const words = `${name} = ${short(losses[0])} at the start, ${short(losses.at(-1))} after ${steps}`;
  const axis = drawn("line", { class: "axis", x1: 8, y1: 134, x2: 292, y2: 134 });
  const falling = drawn("polyline", { points: points.join(" ") });
  const frame = { class: "chart", viewBox: "0 0 300 140", preserveAspectRatio: "none", role: "img" };
  return [element("p", {}, words), drawn("svg", { ...frame, "aria-label": words }, axis, falling)];
}

/** One step of gradient descent on all parameters, with the gradients that the leaves hold; then these are cleared. */
function descend(page) {
  if (!page.losses.length) page.losses = [page.data[page.result]];
  const gradients = page.nodes.map((_, place) => page.gradientOf(place));
  for (const place of page.parameters) page.leaves[place] -= page.rate * gradients[place];
  page.clear();
  page.compute();
  page.losses.push(page.data[page.result]);
}

/** The answers offered for an adjoint: the right one, and those of known misconceptions, each with an explanation: the
 *  texts are in the page, in the order of `wrong`. */
function answersFor({ nodes, locals, adjoints, terms, wrongOrder }, place) {
  const [own, right] = [terms[place], adjoints[place]];
  const sumOf = (term) => own.reduce((sum, each) => sum + term(each), 0);
  const swapped = ({ child, slot, adjoint }) => (nodes[child].row === "mul" ? adjoint * locals[child][1 - slot] : NaN);
  const wrong = [
    own.at(-1)?.product, // the last term alone
    own[0]?.product, // the first term alone
    wrongOrder.isEarly ? wrongOrder.adjoints[place] : NaN,
    2 * right, // stale
    sumOf(swapped),
    sumOf(({ local }) => local),
    sumOf(({ adjoint }) => adjoint),
    -right,
    right + 1,
  ];
  const texts = [...byId("misconceptions").children].map((each) => each.textContent);
  const answers = [{ number: right, why: "" }];
  wrong.forEach((number, i) => {
    const isNew = Number.isFinite(number) && answers.every((each) => short(each.number) !== short(number));
    if (isNew && answers.length < 4) answers.push({ number, why: texts[i] });
  });
  const turn = (7 * place) % answers.length; // so that the right one is not always the first
  return [...answers.slice(turn), ...answers.slice(0, turn)];
}

/** The question for the adjoint at `place`; `answered(why)` is told what is wrong with the answer, "" if it is right. */
function questionFor(page, place, answered) {
  const { nodes, result, terms } = page;
  const uses = terms[place].slice(0, 4).map((term) => {
    const child = nodes[term.child].name;
    const local = derivative(child, operandName(nodes, term));
    return line(`${child} has adjoint ${short(term.adjoint)};`, local, `= ${short(term.local)}`);
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
