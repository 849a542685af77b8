// Gradient descent on recorded programs, which run for every example. A program is a list of nodes, parents first.

const WEIGHT = -1;
const SLOT = -2;

/** The programs of a task, with rows for their numbers: nodes {row, takesList, selects, parents}, {weight} or {slot}. */
function programsOf(task) {
  const ofNode = ([kind, ...places]) => {
    if (kind === WEIGHT) return { weight: places[0] };
    if (kind === SLOT) return { slot: places[0] };
    const [name, takesList, selects] = task.rows[kind];
    return { row: rows[name], takesList, selects, parents: places };
  };
  return task.programs.map((program) => program.map(ofNode));
}

function operandsOf({ parents, takesList }, data) {
  const numbers = parents.map((parent) => data[parent]);
  return takesList ? [numbers] : numbers;
}

/** The forward pass: the numbers of all nodes. */
function forward(program, weights, slots) {
  const data = new Float64Array(program.length);
  program.forEach((node, place) => {
    if (node.row) data[place] = node.row.forward(...operandsOf(node, data));
    else data[place] = node.slot === undefined ? weights[node.weight] : slots[node.slot];
  });
  return data;
}

/** The backward pass from the node at `root`, whose adjoint is `seed`: adds each weight's adjoint to `gradient`, and
 *  returns how many operations were at a kink. A branch not taken adds nothing. */
function backward(program, data, root, seed, gradient) {
  const adjoints = new Float64Array(program.length);
  const given = new Uint8Array(program.length);
  let kinks = 0;
  adjoints[root] = seed;
  given[root] = 1;
  for (let place = root; place >= 0; place--) {
    const { row, parents, selects, weight } = program[place];
    if (!given[place]) continue;
    if (weight !== undefined) gradient[weight] += adjoints[place];
    if (!row) continue;
    const operands = operandsOf(program[place], data);
    if (adjoints[place] && row.tied?.(data[place], ...operands)) kinks += 1;
    row.partials(data[place], ...operands).forEach((local, slot) => {
      if (local === 0 && selects) return;
      adjoints[parents[slot]] += adjoints[place] * local;
      given[parents[slot]] = 1;
    });
  }
  return kinks;
}

/** The mean divergence over all examples, its gradient, and the number of kinks, at which the gradient is a choice. */
function lossAndGradient({ programs, examples }, weights) {
  const gradient = new Float64Array(weights.length);
  let [loss, kinks] = [0, 0];
  for (const [number, slots, [root]] of examples) {
    const data = forward(programs[number], weights, slots);
    loss += data[root];
    kinks += backward(programs[number], data, root, 1 / examples.length, gradient);
  }
  return { loss: loss / examples.length, gradient, kinks };
}

/** The loss alone. */
function lossOf({ programs, examples }, weights) {
  const divergenceOf = ([number, slots, [root]]) => forward(programs[number], weights, slots)[root];
  return examples.reduce((sum, example) => sum + divergenceOf(example), 0) / examples.length;
}

/** w - rate·∂Loss/∂w for every weight. */
function stepped(weights, gradient, rate) {
  return weights.map((weight, i) => weight - rate * gradient[i]);
}

/** The outputs of the model for the given inputs. */
function outputsFor({ programs, output }, weights, inputs) {
  const [number, slots, places] = output.run;
  const data = forward(programs[number], weights, [...inputs, ...slots.slice(inputs.length)]);
  return places.map((place) => data[place]);
}
