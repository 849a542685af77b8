// The picture: boxes and arrows where Python laid them out. Texts are inserted as text, never as markup.

const LINE = 18;

class Picture {
  constructor(graph, container) {
    this.container = container;
    this.svg = drawn("svg", { role: "group", "aria-label": "Computation graph" });
    container.append(this.svg);
    this.open(graph);
    addEventListener("resize", () => this.fit());
  }

  /** Draw a view of the graph in place of the current one. */
  open(graph) {
    this.layouts = graph.layouts;
    this.svg.replaceChildren(drawn("defs", {}, arrowhead("head"), arrowhead("head-active")));
    this.arrows = graph.arrows.map((arrow) => this.makeArrow(arrow));
    this.boxes = graph.boxes.map((box) => this.makeBox(box));
    this.tokens = drawn("g", { "aria-hidden": "true" });
    this.svg.append(this.tokens);
    this.fit();
  }

  makeArrow(arrow) {
    const path = drawn("path");
    const label = drawn("text");
    this.svg.append(path, label);
    return { ...arrow, path, label };
  }

  makeBox({ width, height, kind, lines, node, members, weights, opens }) {
    const rect = (name, inset, rx = 0) => {
      const size = { width: width - 2 * inset, height: height - 2 * inset };
      return drawn("rect", { class: name, x: inset - width / 2, y: inset - height / 2, ...size, rx });
    };
    const text = (name, x, line, content = "") =>
      drawn("text", { class: name, x, y: kind === "operation" ? 5 : LINE * line + 19 - height / 2 }, content);
    const group = drawn("g", {}, rect("shape", 0, { input: 9, operation: 18 }[kind]));
    if (kind === "result") group.append(rect("inner", 3));
    group.append(...lines.map((content, line) => text(line ? "formula" : "title", 0, line, content)));
    this.svg.append(group);
    const box = { kind, node, group, members, opens };
    if (kind === "operation" || kind === "constant") {
      set(group, { "aria-hidden": "true" });
      return box;
    }
    const [left, count] = [8 - width / 2, lines.length];
    box.data = text("number", -left, count);
    box.grad = text("number", -left, count + 1);
    box.tint = drawn("rect", { x: left - 3, y: LINE * count + 23 - height / 2, width: width - 10, height: LINE, rx: 3 });
    const [above, below] = members ? [weights.length ? "weights" : "Values", "largest grad"] : ["data", "grad"];
    group.append(box.tint, text("name", left, count, above), box.data, text("name", left, count + 1, below), box.grad);
    set(group, { tabindex: 0, role: "button" });
    return box;
  }

  /** Choose the layout for the room there is: from left to right if that stays legible, else top to bottom, beside the
   *  panels if there is room for both. */
  fit() {
    const { body } = document;
    const room = this.container.closest("main").clientWidth - 48;
    const [across, down] = this.layouts.map((layout) => room / layout.width);
    const isFlat = across >= 0.8 && this.layouts[0].height * Math.min(1, across) < 0.5 * innerHeight;
    const isWide = room > 850;
    const isDownward = isFlat ? false : isWide ? 0.5 * across < 0.8 : down > across;
    body.classList.toggle("flat", isFlat);
    body.classList.toggle("tall", isWide && !isFlat);
    const { width, height, boxes, arrows } = this.layouts[isDownward ? 1 : 0];
    const scale = Math.max(0.7, Math.min(1, (isDownward ? down : across) * (isWide && !isFlat ? 0.52 : 1)));
    const size = { width: Math.floor(width * scale), height: Math.floor(height * scale) };
    set(this.svg, { ...size, viewBox: `-4 -4 ${width + 8} ${height + 8}` });
    this.boxes.forEach((box, i) => set(box.group, { transform: `translate(${boxes[i].join(" ")})` }));
    this.arrows.forEach((arrow, i) => {
      const { paths, label } = arrows[i];
      arrow.pieces = paths;
      route(arrow);
      if (label) set(arrow.label, { x: label[0], y: label[1] + 5 });
    });
  }

  /** Show what is known: boxes are {classes, data, grad, sign, strength, label}, arrows {classes, local, sign}. */
  show(boxes, arrows) {
    this.boxes.forEach(({ group, kind, data, grad, tint }, i) => {
      const now = boxes[i];
      set(group, { class: `box ${kind} ${now.classes}` });
      if (!data) return;
      data.textContent = now.data;
      grad.textContent = now.grad;
      set(tint, { class: `tint ${now.sign}`, opacity: now.strength });
      set(group, { "aria-label": now.label, "aria-pressed": now.isChosen });
    });
    this.arrows.forEach((arrow, i) => {
      set(arrow.path, { class: `arrow ${arrows[i].classes}` });
      set(arrow.label, { class: `local ${arrows[i].sign}` });
      arrow.label.textContent = arrows[i].local;
      route(arrow);
    });
  }

  /** Let numbers travel along arrows, forward or backward: a trip is a list of legs {arrow, texts}, a text for each
   *  side of the arrow's label. */
  travel(trips, isBackward) {
    this.tokens.replaceChildren();
    if (matchMedia("(prefers-reduced-motion: reduce)").matches) return;
    for (const trip of trips) {
      const legs = trip.flatMap(({ arrow, texts }) => {
        const pieces = this.arrows[arrow].pieces.map((d) => drawn("path", { d }));
        return (isBackward ? pieces.reverse() : pieces).map((path, i) => ({ path, text: texts[i] ?? texts[0] }));
      });
      const text = drawn("text");
      const background = drawn("rect", { rx: 9, height: 20, y: -14 });
      const token = drawn("g", { class: "token" }, background, text);
      this.tokens.append(token);
      const start = performance.now();
      const move = (now) => {
        const way = (Math.max(0, now - start) / 700) * legs.length;
        if (way >= legs.length || !token.isConnected) return token.remove();
        const leg = legs[Math.floor(way)];
        const along = isBackward ? 1 - (way % 1) : way % 1;
        const { x, y } = leg.path.getPointAtLength(leg.path.getTotalLength() * along);
        const width = 12 + 8 * leg.text.length;
        text.textContent = leg.text;
        set(token, { transform: `translate(${x} ${y})` });
        set(background, { width, x: -width / 2 });
        requestAnimationFrame(move);
      };
      requestAnimationFrame(move);
    }
  }

  /** Scroll so that a node's box is seen: within the picture, and the window if it moves. */
  reveal(place, moves) {
    const holds = ({ data, node, members }) => data && (node === place || members?.includes(place));
    const box = this.boxes.find(holds).group.getBoundingClientRect();
    const around = this.container.getBoundingClientRect();
    this.container.scrollLeft += Math.min(0, box.left - around.left - 20) + Math.max(0, box.right - around.right + 20);
    this.container.scrollTop += Math.min(0, box.top - around.top - 70) + Math.max(0, box.bottom - around.bottom + 70);
    if (!moves || document.body.matches(".tall, .flat")) return;
    scrollBy(0, Math.min(0, box.top - 150) + Math.max(0, box.bottom - 0.6 * innerHeight));
  }
}

/** Draw an arrow, through the place of its label if there is none. */
function route({ path, label, pieces }) {
  const d = pieces.join(" ");
  set(path, { d: label.textContent ? d : d.replace(" M", " L") });
}

function arrowhead(id) {
  const size = { viewBox: "0 0 8 8", refX: 7.5, refY: 4, markerWidth: 8, markerHeight: 8 };
  const shape = drawn("path", { d: "M0 0.8 L8 4 L0 7.2 z", class: id });
  return drawn("marker", { id, ...size, markerUnits: "userSpaceOnUse", orient: "auto-start-reverse" }, shape);
}
