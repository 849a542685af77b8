// The page: what it shows, and what buttons, keys and numbers do to it.

const PACE = 1200; // milliseconds a step, when played
const ROOM = 9; // letters of a number in a box
const byId = (id) => document.getElementById(id);
const graph = JSON.parse(byId("graph").textContent);
const page = new ExplainedGraph({ ...graph, view: graph.views[0], ...graph.views[0] });
const picture = new Picture(page, byId("picture"));
const lastStep = page.steps.length - 1;
const { nodes } = page;

function refresh() {
  showPicture();
  const [title, ...lines] = explanation(page);
  byId("rule-title").textContent = title;
  byId("rule-body").replaceChildren(...lines);
  byId("beginning").hidden = lines.length > 0;
  leaves.forEach((leaf) => leaf.show());
  tableRows.forEach((row) => row.show());
  showDoubt();
  showExperiments();
  const { kind } = page.steps[page.step];
  byId("where").textContent = `Step ${page.step} of ${lastStep}: ${kind === "seed" ? "backward" : kind}`;
  byId("slider").value = page.step;
  set(byId("slider"), { "aria-valuetext": byId("where").textContent });
  byId("first").disabled = byId("back").disabled = page.step === 0;
  byId("next").disabled = byId("last").disabled = page.step === lastStep;
  clearTimeout(remembering);
  remembering = setTimeout(remember, 200); // browsers refuse to write the address too often
  for (const each of page.refreshed) each();
}

function showPicture() {
  const { kind, place } = page.steps[page.step];
  const isBackward = kind === "backward";
  const children = isBackward ? page.children[place].map(({ child }) => child) : [];
  const beside = kind === "forward" ? nodes[place].parents : children;
  const pointed = page.pointed ?? page.chosen;
  const onPath = new Set(pointed === null ? [] : [pointed]);
  for (const from of onPath) page.children[from].forEach(({ child }) => onPath.add(child));
  const shown = nodes.map((_, i) => (page.hasAdjoint(i) ? page.gradientOf(i) : 0));
  const largest = Math.max(1e-300, ...shown.map(Math.abs).filter(Number.isFinite));
  const boxes = page.boxes.map((box) => {
    if (box.members) return heldState(box);
    const i = box.node;
    const isValue = box.kind !== "operation";
    const isHere = isValue || kind === "forward" ? place === i : isBackward && beside.includes(i);
    const isCurrent = page.asking === null ? isHere : isValue && page.asking === i;
    const isWrong = isValue && page.isWrong(i);
    const names = {
      waiting: !page.hasData(i),
      current: isCurrent,
      beside: isValue && beside.includes(i),
      wrong: isWrong,
      chosen: page.chosen === i,
    };
    const mark = isWrong ? "✗ " : "";
    const data = page.hasData(i) ? fitting(page.data[i], ROOM) : "";
    const grad = page.hasAdjoint(i) ? mark + fitting(shown[i], ROOM - mark.length, signed) : "";
    return {
      classes: Object.keys(names).filter((name) => names[name]).join(" "),
      isChosen: page.chosen === i,
      data,
      grad,
      sign: signOf(shown[i]),
      strength: 0.12 + 0.5 * Math.min(1, Math.abs(shown[i]) / largest),
      label: `${nodes[i].name}, ${box.kind}, data ${data || "not yet known"}, gradient ${grad || "not yet known"}`,
    };
  });
  const arrows = page.arrows.map((arrow) => {
    if (arrow.carried) return carriedState(arrow);
    const { node: i, slot } = arrow;
    const parent = slot < 0 ? i : nodes[i].parents[slot];
    const isActive = kind === "forward" ? i === place : isBackward && (slot < 0 ? beside.includes(i) : parent === place);
    const isOnPath = onPath.has(parent) && !(slot < 0 && i === pointed);
    const isTold = slot >= 0 && page.hasData(i) && nodes[parent].kind !== "constant";
    return {
      classes: `${isActive ? `active ${kind}` : page.hasData(i) ? "" : "waiting"} ${isOnPath ? "on-path" : ""}`,
      local: isTold ? signed(page.locals[i][slot], 3) : "",
      sign: isTold ? signOf(page.locals[i][slot]) : "",
    };
  });
  picture.show(boxes, arrows);
}

/** The arrow that carries operand `slot` into an operation, or with slot -1 its result; -1 if there is none. */
function arrowOf(node, slot) {
  const carries = ([someNode, someSlot]) => someNode === node && someSlot === slot;
  return page.arrows.findIndex((arrow) => carries([arrow.node, arrow.slot]) || arrow.carried?.some(carries));
}

/** Let the numbers of this step travel. */
function travel() {
  const { kind, place } = page.steps[page.step];
  const leg = (node, slot, ...texts) => ({ arrow: arrowOf(node, slot), texts });
  const trips = {
    forward: () => {
      const last = leg(place, -1, short(page.data[place]));
      return nodes[place].parents.map((parent, slot) => [leg(place, slot, short(page.data[parent])), last]);
    },
    backward: () =>
      page.terms[place].map(({ child, slot, adjoint, product }) => {
        return [leg(child, -1, signed(adjoint)), leg(child, slot, signed(adjoint), signed(product))];
      }),
  };
  const seen = (trips[kind]?.() ?? []).map((legs) => legs.filter(({ arrow }) => arrow >= 0));
  picture.travel(seen, kind === "backward");
}

/** Where the rules alone do not decide, say so. */
function showDoubt() {
  const limits = page.isChanged() ? [] : Object.entries(page.limits);
  byId("limits").textContent = limits.map(([place, number]) => `${nodes[place].name}: ${repr(Number(number))}`).join(", ");
  byId("limits").parentNode.hidden = !limits.length;
  byId("doubtful").textContent = [...page.doubtful].map((place) => nodes[place].name).join(", ");
  byId("doubtful").parentNode.hidden = limits.length || !page.doubtful.size;
}

function showExperiments() {
  const { result, losses, calls, stored, score, changeable } = page;
  const [first, name] = [changeable[0], nodes[result].name];
  const chart = losses.length ? chartOf(losses, name) : [`No step yet: ${name} = ${short(page.data[result])}.`];
  byId("loss").replaceChildren(...chart);
  byId("reset").disabled = !losses.length && !page.isChanged();
  set(byId("predict"), { "aria-pressed": page.isPredicting });
  byId("score").textContent = score[1] ? `${score[0]} of ${score[1]} right` : "";
  set(byId("wrong"), { "aria-pressed": page.isWrongOrder });
  byId("zero").disabled = calls === 1;
  const wrong = page.wrongOrder.isEarly ? "too-early" : "from-inputs";
  const mishap = page.isWrongOrder ? wrong : calls > 1 ? "added-up" : "nothing-wrong";
  for (const each of byId("mishaps").children) each.hidden = each.id !== mishap;
  const [before, now] = [stored[first], page.derivativeOf(first)];
  const sum = `${short(before)} + ${factor(now)} = ${short(before + now)}`;
  byId("sum").textContent = `backward() ran ${calls} times: ${nodes[first].name}.grad = ${sum}.`;
}

// Stepping

function goTo(step, isWalked = false) {
  step = Math.max(0, Math.min(lastStep, step));
  const isOpen = ({ kind, place }, i) => kind === "backward" && i > page.step && i <= step && !page.answered.has(place);
  const open = page.isPredicting ? page.steps.findIndex(isOpen) : -1;
  if (open >= 0) stop();
  page.chosen = null;
  page.step = open < 0 ? step : open - 1;
  page.asking = open < 0 ? null : page.steps[open].place;
  byId("question").replaceChildren(...(open < 0 ? [] : questionFor(page, page.asking, answer)));
  refresh();
  if (isWalked && open < 0) travel();
  const place = page.asking ?? page.steps[page.step].place;
  if (isWalked && place >= 0) picture.reveal(place, open < 0);
  byId("announcement").textContent = ["where", "rule-title", "question"].map((id) => byId(id).textContent).join(". ");
}

let timer = 0;
function play() {
  if (timer) return stop();
  if (page.step === lastStep) goTo(0);
  const tick = () => {
    timer = setTimeout(tick, PACE);
    goTo(page.step + 1, true);
    if (page.step === lastStep) stop();
  };
  timer = setTimeout(tick, PACE / 2);
  byId("play").textContent = "❚❚ Pause";
}

function stop() {
  clearTimeout(timer);
  timer = 0;
  byId("play").textContent = "▶ Play";
}

// Predicting

function answer(why) {
  const place = page.asking;
  page.answered.add(place);
  page.score = [page.score[0] + (why ? 0 : 1), page.score[1] + 1];
  goTo(page.backwardAt[place], true);
  const text = why ? `✗ It is ${signed(page.adjoints[place])}. ${why}` : `✓ Right: ${signed(page.adjoints[place])}.`;
  const isLast = page.step === lastStep;
  const onward = element("button", {}, isLast ? "Once more" : "Next question");
  onward.addEventListener("click", () => (isLast ? predict(true) : goTo(page.step + 1)));
  byId("question").replaceChildren(element("p", { class: why ? "mistake" : "" }, text), onward);
  byId("announcement").textContent = text;
  onward.focus({ preventScroll: true });
}

function predict(isOn) {
  stop();
  page.isPredicting = isOn;
  page.isWrongOrder = false;
  page.answered.clear();
  if (isOn) page.step = page.backwardAt[page.result];
  goTo(page.step + (isOn ? 1 : 0), isOn);
}

// Changing

function change(place, number) {
  page.leaves[place] = number;
  page.losses = [];
  page.compute();
  if (page.asking !== null) byId("question").replaceChildren(...questionFor(page, page.asking, answer));
  refresh();
}

/** A row for a leaf: its number to type or to slide, and its gradient. */
function makeLeaf(place) {
  const id = `leaf-${place}`;
  const { name, kind } = nodes[place];
  const typed = { type: "text", inputmode: "decimal", autocomplete: "off", "aria-describedby": `${id}-grad` };
  const text = element("input", { id, ...typed });
  const slider = element("input", { type: "range", "aria-label": `${name}, by slider` });
  const grad = element("span", { id: `${id}-grad`, class: "change" });
  const show = () => {
    const number = page.leaves[place];
    const isBad = document.activeElement === text && !Number.isFinite(parse(text.value));
    set(text, { "aria-invalid": isBad });
    if (document.activeElement !== text) text.value = repr(number);
    if (document.activeElement !== slider) {
      const reach = Math.max(2, 2 * Math.abs(number));
      Object.assign(slider, { min: number - reach, max: number + reach, step: reach / 200, value: number });
    }
    const known = page.hasAdjoint(place) ? coloured(page.gradientOf(place)) : "not yet known";
    const refusal = element("span", { class: "mistake" }, "Type a number, such as 0.5 or −2e3.");
    grad.replaceChildren(...(isBad ? [refusal] : [quiet(`${kind}, gradient `), known]));
  };
  text.addEventListener("input", () => (Number.isFinite(parse(text.value)) ? change(place, parse(text.value)) : show()));
  text.addEventListener("blur", () => setTimeout(show));
  slider.addEventListener("input", () => change(place, Number(slider.value)));
  byId("leaves").append(element("div", { class: `leaf ${kind}` }, element("label", { for: id }, name), text, slider, grad));
  return { show };
}

function makeRow(place) {
  const { name, kind, symbol } = nodes[place];
  const [what, data, gradient, difference, locals] = ["", "", "", "", "locals"].map((name) => element("td", { class: name }));
  const row = element("tr", {}, element("th", { scope: "row" }, name), what, data, gradient, difference, locals);
  what.textContent = symbol ? `${kind}, ${symbol}` : kind;
  byId("numbers").tBodies[0].append(row);
  const localOf = (slot) => `${operandName(nodes, { child: place, slot })}: ${repr(page.locals[place][slot])}`;
  const show = () => {
    const [hasData, isKnown] = [page.hasData(place), page.hasAdjoint(place)];
    row.className = page.steps[page.step].place === place ? "current" : "";
    data.textContent = hasData ? repr(page.data[place]) : "—";
    locals.textContent = (hasData && slotsOf(nodes, place).map(localOf).join(", ")) || "—";
    gradient.textContent = difference.textContent = "—";
    if (!isKnown) return;
    const found = page.differenceAt(place);
    const mark = found.agrees && !page.isWrong(place) ? "✓" : "≠";
    gradient.replaceChildren(coloured(page.gradientOf(place), repr(page.gradientOf(place))));
    difference.textContent = `${short(found.difference, 6)} ${mark}`;
  };
  return { show };
}

function descent(times) {
  page.rate = parse(byId("rate").value);
  byId("rate-error").hidden = Number.isFinite(page.rate);
  if (!Number.isFinite(page.rate)) return;
  page.isPredicting = page.isWrongOrder = false;
  for (let i = 0; i < times; i++) descend(page);
  goTo(lastStep);
}

// The address keeps step and numbers.

let remembering = 0;
function remember() {
  const state = new URLSearchParams({ step: page.step, rate: page.rate });
  for (const place of page.changeable) if (page.isChanged([place])) state.set(`v${place}`, page.leaves[place]);
  if (page.views.length > 1) state.set("view", page.views.indexOf(page.view));
  try {
    history.replaceState(null, "", `#${state}`);
  } catch {
    // a frame without an address
  }
}

function recall() {
  const state = new URLSearchParams(location.hash.slice(1));
  const numberOf = (key, otherwise, number = parse(state.get(key))) => (Number.isFinite(number) ? number : otherwise);
  for (const place of page.changeable) page.leaves[place] = numberOf(`v${place}`, page.given[place]);
  page.rate = numberOf("rate", 0.1);
  byId("rate").value = page.rate;
  page.compute();
  const view = Math.trunc(numberOf("view", 0));
  if (page.views[view] && page.views[view] !== page.view) openView(view);
  goTo(Math.trunc(numberOf("step", lastStep)));
}

// Buttons and keys

const actions = {
  first: () => goTo(0),
  back: () => goTo(page.step - 1, true),
  next: () => goTo(page.step + 1, true),
  last: () => goTo(lastStep),
  reset: () => (page.reset(), refresh()),
  descend: () => descent(1),
  "descend-more": () => descent(10),
  predict: () => predict(!page.isPredicting),
  again: () => {
    for (const place of page.changeable) page.stored[place] += page.derivativeOf(place);
    page.calls += 1;
    page.isWrongOrder = page.isPredicting = false;
    goTo(lastStep);
  },
  zero: () => (page.clear(), refresh()),
  wrong: () => {
    page.isWrongOrder = !page.isWrongOrder;
    page.isPredicting = false;
    goTo(lastStep);
  },
};
const press = (id) => (id === "play" ? play() : (stop(), actions[id]()));
for (const id of ["play", ...Object.keys(actions)]) byId(id).addEventListener("click", () => press(id));
byId("slider").max = lastStep;
byId("slider").addEventListener("input", () => (stop(), goTo(Number(byId("slider").value))));

const keys = { ArrowRight: "next", ArrowLeft: "back", Home: "first", End: "last", " ": "play" };
document.addEventListener("keydown", (event) => {
  const { target, key } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || target.matches("input")) return;
  const choice = [...byId("question").querySelectorAll("[data-key]")].find((button) => button.dataset.key === key);
  if (choice) choice.click();
  if (choice || !keys[key] || (key === " " && target.matches("button, [tabindex]"))) return;
  event.preventDefault();
  press(keys[key]);
});

function wire() {
  for (const { group, node, members, opens } of picture.boxes.filter((box) => box.data)) {
    const point = (place) => () => {
      page.pointed = members ? null : place;
      refresh();
    };
    const choose = () => {
      if (members) return openView(opens);
      page.chosen = page.chosen === node ? null : node;
      refresh();
    };
    const pressed = (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      choose();
    };
    const focus = () => group.matches(":focus-visible") && point(node)();
    const away = point(null);
    const heard = { pointerenter: point(node), pointerleave: away, focus, blur: away, click: choose, keydown: pressed };
    for (const [type, act] of Object.entries(heard)) group.addEventListener(type, act);
  }
}
wire();

if (page.views.length > 1) byId("picture").before(viewButtons());

const leaves = page.changeable.map(makeLeaf);
const tableRows = [...nodes.keys()].filter((place) => nodes[place].kind !== "constant").map(makeRow);
addEventListener("hashchange", recall);
recall();
if (parent !== window) {
  const tell = () => parent.postMessage({ height: Math.ceil(document.documentElement.getBoundingClientRect().height) }, "*");
  new ResizeObserver(tell).observe(document.body);
}
