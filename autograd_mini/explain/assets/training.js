// The page in which a network learns: what it shows, and what buttons, keys and the learning rate do to it.

const MOST_EPOCHS = 5000;
const CELLS = 48; // of the picture of the outputs, along each side
const HUES = "0072b2 e69f00 009e73 cc79a7 56b4e9 d55e00 f0e442 808080 8c564b 332288".split(" "); // of classes
const byId = (id) => document.getElementById(id);
const task = JSON.parse(byId("graph").textContent);
task.programs = programsOf(task);
const { output } = task;
const goal = output && goalOf(output);
const epochs = [];
let [now, rate, chosen] = [0, 0.1, 0];

/** The kind of the desired outputs: one of two numbers, a class, or any number; their middle, and half their range. */
function goalOf({ wanted, run }) {
  const [low, high] = [Math.min(...wanted), Math.max(...wanted)];
  const middle = wanted.length ? (low + high) / 2 : 0;
  const kind = run[2].length > 1 ? "classes" : new Set(wanted).size === 2 ? "two" : "number";
  return { kind, middle, reach: (high - low) / 2 || 1 };
}

// Training

function epochAt(weights) {
  const isHit = (inputs, i) => isRight(outputsFor(task, weights, inputs), output.wanted[i]);
  return { weights, right: output?.points.filter(isHit).length, ...lossAndGradient(task, weights) };
}

function isRight(ys, wanted) {
  if (goal.kind === "classes") return ys.indexOf(Math.max(...ys)) === wanted;
  return ys[0] > goal.middle === wanted > goal.middle;
}

/** Go to an epoch, and train as far as that takes. */
function goTo(epoch) {
  const end = Math.max(0, Math.min(MOST_EPOCHS, epoch));
  while (epochs.length <= end && Number.isFinite(epochs.at(-1).loss)) {
    const last = epochs.at(-1);
    last.rate = rate;
    epochs.push(epochAt(stepped(last.weights, last.gradient, rate)));
  }
  now = Math.min(end, epochs.length - 1);
  if (epochs[now].rate !== undefined) rate = epochs[now].rate;
  if (now === MOST_EPOCHS || !Number.isFinite(epochs[now].loss)) stop();
}

let [frame, shownAt] = [0, 0];
function play() {
  if (frame) return stop(), refresh();
  const tick = () => {
    frame = requestAnimationFrame(tick);
    goTo(now + 1 + Math.min(20, Math.floor(now / 100))); // more at a time later on, when less changes
    refresh();
  };
  frame = requestAnimationFrame(tick);
  byId("play").textContent = "❚❚ Pause";
}

function stop() {
  cancelAnimationFrame(frame);
  frame = 0;
  byId("play").textContent = "▶ Train";
}

// What is shown

function refresh() {
  const { loss, right, kinks } = epochs[now];
  const latest = epochs.length - 1;
  byId("where").textContent = `Epoch ${now}${now < latest ? ` of ${latest}` : ""}: loss ${short(loss)}`;
  Object.assign(byId("slider"), { max: latest, value: now });
  byId("first").disabled = byId("back").disabled = now === 0;
  byId("last").disabled = now === latest;
  byId("rate").value = Math.log10(rate);
  byId("rate-shown").textContent = `η = ${short(rate, 3)}`;
  byId("loss").replaceChildren(lossChart());
  const hasSides = output?.wanted.length && goal.kind !== "number";
  const share = hasSides ? ` ${right} of ${task.examples.length} examples are on the right side.` : "";
  const fall = now ? `Loss ${short(epochs[0].loss)} → ${short(loss)}.` : "Before the first step.";
  byId("progress").textContent = fall + share;
  byId("trouble").textContent = troubleWith(loss, kinks);
  byId("trouble").hidden = !byId("trouble").textContent;
  drawOutputs();
  if (frame && performance.now() < shownAt + 200) return; // weights are many
  shownAt = performance.now();
  showWeights();
  showWeight();
  remember();
}

function troubleWith(loss, kinks) {
  const again = "Go back, and choose a smaller learning rate.";
  if (!Number.isFinite(loss)) return `The loss is not a finite number any more: the steps are too large. ${again}`;
  if (now > 1 && loss > 10 * epochs[0].loss) return `The loss grows: the steps jump over the valley. ${again}`;
  if (now === MOST_EPOCHS) return `The page keeps no more than ${MOST_EPOCHS} epochs.`;
  if (!kinks) return "";
  const places = kinks > 1 ? `At ${kinks} places operations are` : "At one place an operation is";
  const choice = "There the page takes each rule's own choice; backward() looks at limits, and may find another.";
  return `${places} exactly at a kink, such as relu at 0. ${choice}`;
}

/** The loss epoch by epoch; on a logarithmic scale where it spans more than a factor of 20. */
function lossChart() {
  const losses = epochs.map(({ loss }) => loss);
  const finite = losses.filter(Number.isFinite);
  const isLog = Math.min(...finite) > 0 && Math.max(...finite) > 20 * Math.min(...finite);
  const scaled = isLog ? Math.log : (x) => x;
  const [low, high] = [isLog ? Math.min(...finite) : Math.min(0, ...finite), Math.max(...finite)];
  const x = (i) => 70 + (i * 470) / Math.max(1, losses.length - 1);
  const y = (loss) => 180 - (170 * (scaled(loss) - scaled(low))) / (scaled(high) - scaled(low) || 1);
  const pointOf = (loss, i) => (Number.isFinite(loss) ? `${x(i).toFixed(1)},${y(loss).toFixed(1)}` : "");
  const words = `Loss ${short(losses[0])} at epoch 0, ${short(losses[now])} at epoch ${now}`;
  const text = (x, y, anchor, words) => drawn("text", { x, y, class: anchor }, words);
  return drawn(
    "svg",
    { class: "chart", viewBox: "0 0 550 205", role: "img", "aria-label": words },
    drawn("path", { class: "axis", d: "M70 6V180H544" }),
    text(64, 16, "end", short(high, 3)),
    text(64, 180, "end", short(low, 3)),
    text(70, 198, "middle", "0"),
    text(540, 198, "end", `${losses.length - 1} epochs${isLog ? ", logarithmic" : ""}`),
    drawn("polyline", { points: losses.map(pointOf).join(" ") }),
    Number.isFinite(losses[now]) ? drawn("circle", { cx: x(now), cy: y(losses[now]), r: 5 }) : "",
  );
}

// The outputs over the plane of two inputs, or along one

function drawOutputs() {
  const canvas = byId("surface");
  const n = output ? output.points[0].length : 0;
  canvas.parentElement.hidden = n !== 1 && n !== 2;
  if (canvas.parentElement.hidden) return;
  const size = canvas.clientWidth;
  canvas.width = canvas.height = size * devicePixelRatio;
  const pen = canvas.getContext("2d");
  pen.scale(devicePixelRatio, devicePixelRatio);
  const styles = getComputedStyle(document.documentElement);
  const colour = (name) => styles.getPropertyValue(`--${name}`).trim();
  const area = { left: 44, right: size - 8, top: 8, bottom: size - 30 };
  const model = (...inputs) => outputsFor(task, epochs[now].weights, inputs);
  (n === 2 ? drawPlane : drawCurve)(pen, area, colour, model);
}

/** The span of some numbers, and a little more. */
function spanOf(numbers) {
  const [low, high] = [Math.min(...numbers), Math.max(...numbers)];
  const margin = (high - low) * 0.12 || 1;
  return [low - margin, high + margin];
}

function drawPlane(pen, area, colour, model) {
  const spans = [0, 1].map((axis) => spanOf(output.points.map((point) => point[axis])));
  const at = (span, share) => span[0] + share * (span[1] - span[0]);
  const grid = [...Array(CELLS + 1).keys()].map((row) =>
    [...Array(CELLS + 1).keys()].map((column) => model(at(spans[0], column / CELLS), at(spans[1], row / CELLS))),
  );
  paint(pen, area, grid, colour);
  const x = (column) => area.left + (column * (area.right - area.left)) / CELLS;
  const y = (row) => area.bottom - (row * (area.bottom - area.top)) / CELLS;
  if (goal.kind !== "classes") drawBoundary(pen, grid, x, y, colour);
  drawAxes(pen, area, colour, spans);
  const [toX, toY] = scalesOf(area, spans);
  output.points.forEach(([x1, x2], i) => drawPoint(pen, toX(x1), toY(x2), i, colour, model(x1, x2)));
  const [sides, ring] = ["Discs and diamonds: the examples", "; a ring marks those on the wrong side."];
  const keys = {
    two: `Colour: the output, blue above the middle, orange below; the line lies between. ${sides}${ring}`,
    classes: `Colour: the classes, mixed as the outputs tell. Digits: the classes of the examples${ring}`,
    number: `Colour: the output, blue above the middle of what is desired, orange below. ${sides}, likewise.`,
  };
  byId("legend").textContent = keys[goal.kind];
  describeSurface("over the plane of its two inputs");
}

function describeSurface(where) {
  byId("surface").setAttribute("aria-label", `The model's output ${where}. ${byId("progress").textContent}`);
}

/** Functions from numbers of both spans to pixels. */
function scalesOf({ left, right, top, bottom }, [across, up]) {
  const toX = (x) => left + ((x - across[0]) / (across[1] - across[0])) * (right - left);
  const toY = (y) => bottom - ((y - up[0]) / (up[1] - up[0])) * (bottom - top);
  return [toX, toY];
}

/** The outputs in colour: a small picture, a point of it for each of the grid, drawn large. */
function paint(pen, area, grid, colour) {
  const small = Object.assign(document.createElement("canvas"), { width: CELLS + 1, height: CELLS + 1 });
  const brush = small.getContext("2d");
  const [above, below] = [colour("positive-tint"), colour("negative-tint")];
  const isClass = goal.kind === "classes";
  grid.forEach((line, row) =>
    line.forEach((ys, column) => {
      const t = (ys[0] - goal.middle) / goal.reach;
      brush.fillStyle = isClass ? mixture(ys) : t > 0 ? above : below;
      brush.globalAlpha = isClass ? 0.5 : Math.min(1, Math.abs(t)) * 0.75;
      brush.fillRect(column, CELLS - row, 1, 1);
    }),
  );
  pen.drawImage(small, 0.5, 0.5, CELLS, CELLS, area.left, area.top, area.right - area.left, area.bottom - area.top);
}

/** The colours of the classes, mixed as the outputs tell. */
function mixture(ys) {
  const top = Math.max(...ys);
  const shares = ys.map((y) => (top > 0 ? Math.max(0, y) : Number(y === top)));
  const total = shares.reduce((sum, share) => sum + share, 0);
  const part = (hue, from) => parseInt(HUES[hue % HUES.length].slice(from, from + 2), 16);
  const channel = (from) => shares.reduce((sum, share, hue) => sum + share * part(hue, from), 0);
  return `rgb(${[0, 2, 4].map((from) => Math.round(channel(from) / total)).join(" ")})`;
}

/** The line along which the output is in the middle, cell by cell between the edges that it crosses. */
function drawBoundary(pen, grid, x, y, colour) {
  pen.strokeStyle = colour("text");
  pen.lineWidth = 2;
  pen.beginPath();
  const corners = [[0, 0], [0, 1], [1, 1], [1, 0]];
  for (let row = 0; row < CELLS; row++)
    for (let column = 0; column < CELLS; column++) {
      const heights = corners.map(([up, right]) => grid[row + up][column + right][0] - goal.middle);
      const crossings = corners.flatMap(([up, right], i) => {
        const [a, b] = [heights[i], heights[(i + 1) % 4]];
        if (a > 0 === b > 0 || !Number.isFinite(a / (a - b))) return [];
        const [nextUp, nextRight] = corners[(i + 1) % 4];
        const share = a / (a - b);
        return [[x(column + right + share * (nextRight - right)), y(row + up + share * (nextUp - up))]];
      });
      for (let i = 0; i + 1 < crossings.length; i += 2) {
        pen.moveTo(...crossings[i]);
        pen.lineTo(...crossings[i + 1]);
      }
    }
  pen.stroke();
}

/** An example: its class as a digit, else a disc above the middle, a diamond below; with a ring where it is wrong. */
function drawPoint(pen, x, y, i, colour, ys) {
  const wanted = output.wanted[i];
  if (wanted === undefined) return;
  pen.lineWidth = 1.5;
  pen.strokeStyle = colour("page");
  if (goal.kind === "classes") {
    pen.fillStyle = colour("text");
    pen.font = "600 14px system-ui, sans-serif";
    pen.textAlign = "center";
    pen.fillText(wanted, x, y + 5);
  } else {
    const isAbove = wanted > goal.middle;
    pen.fillStyle = colour(isAbove ? "positive" : "negative");
    pen.beginPath();
    if (isAbove) pen.arc(x, y, 5, 0, 7);
    else [[0, -7], [7, 0], [0, 7], [-7, 0]].forEach(([right, down]) => pen.lineTo(x + right, y + down));
    pen.closePath();
    pen.fill();
    pen.stroke();
  }
  if (goal.kind === "number" || isRight(ys, wanted)) return;
  pen.strokeStyle = colour("text");
  pen.beginPath();
  pen.arc(x, y, 10, 0, 7);
  pen.stroke();
}

function drawAxes(pen, area, colour, spans, names = ["x₁", "x₂"]) {
  pen.strokeStyle = colour("strong");
  pen.lineWidth = 1;
  pen.strokeRect(area.left, area.top, area.right - area.left, area.bottom - area.top);
  pen.fillStyle = colour("text");
  pen.font = "14px system-ui, sans-serif";
  const [across, up] = spans;
  const labels = [
    [short(across[0], 2), area.left, area.bottom + 18, "left"],
    [names[0], (area.left + area.right) / 2, area.bottom + 18, "center"],
    [short(across[1], 2), area.right, area.bottom + 18, "right"],
    [short(up[0], 2), area.left - 5, area.bottom, "right"],
    [names[1], area.left - 5, (area.top + area.bottom) / 2, "right"],
    [short(up[1], 2), area.left - 5, area.top + 12, "right"],
  ];
  for (const [text, x, y, align] of labels) {
    pen.textAlign = align;
    pen.fillText(text, x, y);
  }
}

function drawCurve(pen, area, colour, model) {
  const span = spanOf(output.points.map(([x]) => x));
  const xs = [...Array(201).keys()].map((i) => span[0] + (i / 200) * (span[1] - span[0]));
  const up = spanOf(output.wanted.length ? output.wanted : xs.map((x) => model(x)[0]));
  const [toX, toY] = scalesOf(area, [span, up]);
  drawAxes(pen, area, colour, [span, up], ["x", "y"]);
  output.points.forEach(([x], i) => drawPoint(pen, toX(x), toY(output.wanted[i]), i, colour, model(x)));
  pen.save();
  pen.beginPath();
  pen.rect(area.left, area.top, area.right - area.left, area.bottom - area.top);
  pen.clip();
  pen.strokeStyle = colour("accent");
  pen.lineWidth = 2.5;
  pen.beginPath();
  for (const x of xs) pen.lineTo(toX(x), toY(model(x)[0]));
  pen.stroke();
  pen.restore();
  byId("legend").textContent = "Line: the model's output y for every input x. Points: the examples.";
  describeSurface("along its input");
}

// Weights

function coloured(x, digits = 4) {
  return element("span", { class: signOf(x) }, signed(x, digits));
}

/** The step of the chosen weight, in numbers. */
function showWeight() {
  const { weights, gradient } = epochs[now];
  const [w, slope] = [weights[chosen], gradient[chosen]];
  const pulls = task.examples.map(([number, slots, [root]], i) => {
    const own = new Float64Array(weights.length);
    backward(task.programs[number], forward(task.programs[number], weights, slots), root, 1, own);
    return { i, pull: own[chosen] };
  });
  const strongest = pulls.sort((a, b) => Math.abs(b.pull) - Math.abs(a.pull)).filter(({ pull }) => pull).slice(0, 3);
  const h = 1e-5 * Math.max(1, Math.abs(w));
  const at = (number) => lossOf(task, weights.map((weight, i) => (i === chosen ? number : weight)));
  const difference = (at(w + h) - at(w - h)) / 2 / h;
  const agrees = Math.abs(difference - slope) <= 1e-4 * Math.abs(slope) + 1e-8;
  const told = ({ i, pull }, n) => [n ? ", " : "; the largest: ", `example ${i} `, coloured(pull, 3)];
  const lead = element("span", { class: "quiet" }, "Finite difference (Loss(w + h) − Loss(w − h)) / 2h = ");
  const line = (...parts) => element("p", {}, ...parts);
  byId("weight").replaceChildren(
    element("h3", {}, `The step of w = ${task.names[chosen]}`),
    line(`∂Loss/∂w = mean of ${pulls.length} ∂Div/∂w = `, coloured(slope), ...strongest.flatMap(told)),
    line(`w − η·∂Loss/∂w = ${factor(w)} − ${short(rate, 3)} × ${factor(slope)} = `, coloured(w - rate * slope)),
    line(lead, coloured(difference), agrees ? " ✓ agrees" : " ≠ differs: is there a kink nearby?"),
  );
}

const layers = [];
function makeLayers() {
  for (const [name, places] of task.groups) {
    const title = name.split(".").slice(0, 2).join(".");
    let layer = layers.find((each) => each.title === title);
    if (!layer) {
      layer = { title, places: [], cells: [], summary: element("summary"), body: element("tbody") };
      const table = element("div", { class: "scroll" }, element("table", {}, layer.body));
      layer.details = element("details", {}, layer.summary, table);
      layer.details.addEventListener("toggle", showWeights);
      byId("layers").append(layer.details);
      layers.push(layer);
    }
    const cells = places.map((index) => {
      const cell = { index, number: element("span"), slope: element("small") };
      const title = element("small", {}, task.names[index]);
      cell.button = element("button", { class: "weight" }, title, cell.number, cell.slope);
      cell.button.addEventListener("click", () => ((chosen = index), showWeights(), showWeight()));
      return cell;
    });
    layer.places.push(...places);
    layer.cells.push(...cells);
    const head = element("th", { scope: "row" }, name);
    layer.body.append(element("tr", {}, head, ...cells.map(({ button }) => element("td", {}, button))));
  }
}

function showWeights() {
  const { weights, gradient } = epochs[now];
  for (const { title, places, cells, summary, details } of layers) {
    const largest = Math.max(...places.map((index) => Math.abs(gradient[index])));
    summary.textContent = `${title}: ${places.length} weights, largest |∂Loss/∂w| ${short(largest, 3)}`;
    for (const { index, button, number, slope } of details.open ? cells : []) {
      number.textContent = signed(weights[index]);
      slope.textContent = `∂ ${signed(gradient[index], 3)}`;
      button.setAttribute("aria-pressed", index === chosen);
    }
  }
}

// The address keeps the epoch, and each learning rate with the epoch from which on it held.

function remember() {
  const changes = epochs.slice(0, now + 1).flatMap((epoch, i) => {
    const own = i === now ? rate : epoch.rate;
    return i && own === epochs[i - 1].rate ? [] : [`${own}@${i}`];
  });
  try {
    history.replaceState(null, "", `#${new URLSearchParams({ epoch: now, rates: changes.join(" ") })}`);
  } catch {
    // a frame without an address
  }
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  const changes = (state.get("rates") ?? "").split(" ").map((each) => each.split("@").map(parse));
  epochs.splice(0, epochs.length, epochAt(Float64Array.from(task.weights, Number)));
  goTo(0);
  for (const [own, from] of changes.filter((each) => each.length === 2 && each.every(Number.isFinite))) {
    goTo(Math.trunc(from));
    rate = Math.max(1e-3, Math.min(10, own));
  }
  goTo(Math.trunc(parse(state.get("epoch") ?? "0")) || 0);
  refresh();
}

// Buttons and keys

const actions = {
  first: () => goTo(0),
  back: () => goTo(now - 1),
  next: () => goTo(now + 1),
  last: () => goTo(epochs.length - 1),
};
function press(id) {
  if (id === "play") return play();
  stop();
  actions[id]();
  refresh();
  byId("announcement").textContent = byId("where").textContent;
}
for (const id of ["play", ...Object.keys(actions)]) byId(id).addEventListener("click", () => press(id));
byId("slider").addEventListener("input", () => (stop(), goTo(Number(byId("slider").value)), refresh()));
byId("rate").addEventListener("input", () => {
  rate = Number((10 ** Number(byId("rate").value)).toPrecision(3));
  epochs.length = now + 1;
  delete epochs[now].rate;
  refresh();
});
const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || target.matches("input")) return;
  if (!keys[key] || (key === " " && target.matches("button, summary"))) return;
  event.preventDefault();
  press(keys[key]);
});
addEventListener("resize", refresh);
addEventListener("hashchange", recall);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", refresh);
makeLayers();
layers[0].details.open = true;
recall();
if (parent !== window) {
  const height = () => Math.ceil(document.documentElement.getBoundingClientRect().height);
  const tell = () => parent.postMessage({ height: height() }, "*");
  new ResizeObserver(tell).observe(document.body);
}
