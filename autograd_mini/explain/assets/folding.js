// Modules folded to a box each: what such boxes and the arrows between them show, and how modules are opened.

/** The content of a box that holds several nodes. */
function heldState({ members, weights, lines }) {
  const told = (weights.length ? weights : members).filter((place) => page.hasAdjoint(place));
  const slopes = told.map((place) => page.gradientOf(place));
  const largest = Math.max(...slopes.map(Math.abs));
  const data = String(weights.length || members.length);
  const grad = slopes.length ? short(largest, 3) : "";
  const isCurrent = members.includes(page.steps[page.step].place);
  const label = `${lines.join(", ")}: ${data}, largest gradient ${grad || "not yet known"}`;
  return { classes: isCurrent ? "current" : "", data, grad, sign: "", strength: 0, label, isChosen: false };
}

/** The content of an arrow that carries several numbers. */
function carriedState({ carried, label }) {
  const step = page.steps[page.step];
  const passes = {
    forward: ([node]) => node === step.place,
    backward: ([node, slot]) => slot >= 0 && page.nodes[node].parents[slot] === step.place,
  };
  const isActive = step.kind in passes && carried.some(passes[step.kind]);
  return { classes: isActive ? `active ${step.kind}` : "", local: label, sign: "" };
}

/** Buttons for all views, before the picture. */
function viewButtons() {
  const buttons = page.views.map((view, i) => {
    const button = element("button", { "aria-pressed": view === page.view }, view.title);
    button.addEventListener("click", () => openView(i));
    return button;
  });
  return element("div", { class: "row", role: "group", "aria-label": "Which modules are open" }, ...buttons);
}

function openView(number) {
  const view = page.views[number];
  picture.open(view); // first, for a box that loses the focus by this still reports to the old view
  Object.assign(page, view, { view });
  wire();
  picture.container.previousSibling.replaceWith(viewButtons());
  refresh();
}
