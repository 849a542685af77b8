// The state of the page: the graph, its numbers, and how far the passes have come.

class ExplainedGraph {
  constructor(graph) {
    Object.assign(this, graph); // nodes, boxes, arrows, layouts, limits
    const places = [...this.nodes.keys()];
    this.result = places.at(-1);
    this.children = childrenOf(this.nodes);
    this.steps = stepsOf(this.nodes);
    const stepOf = (place, ...kinds) => this.steps.findIndex((step) => step.place === place && kinds.includes(step.kind));
    this.forwardAt = places.map((place) => stepOf(place, "forward"));
    this.backwardAt = places.map((place) => stepOf(place, "seed", "backward"));
    this.leaves = this.nodes.map((node) => Number(node.data ?? 0));
    this.given = [...this.leaves];
    const kindOf = (place) => this.nodes[place].kind;
    this.parameters = places.filter((place) => kindOf(place) === "parameter");
    this.changeable = [...this.parameters, ...places.filter((place) => kindOf(place) === "input")];
    this.rate = 0.1;
    this.step = this.steps.length - 1;
    this.pointed = null; // the node under the pointer, or with the focus
    this.chosen = null; // the node that was clicked
    this.isWrongOrder = false;
    this.isPredicting = false;
    this.asking = null; // the node whose adjoint is asked for
    this.answered = new Set();
    this.score = [0, 0]; // right answers, and all
    this.refreshed = []; // functions to call after every change
    this.reset();
  }

  reset() {
    this.leaves = [...this.given];
    this.losses = [];
    this.clear();
    this.compute();
  }

  /** What zero_grad() does. */
  clear() {
    this.stored = this.nodes.map(() => 0); // what earlier backward passes left in the leaves
    this.calls = 1;
  }

  /** Run both passes again. */
  compute() {
    this.data = forward(this.nodes, this.leaves);
    this.locals = localDerivatives(this.nodes, this.data);
    Object.assign(this, backward(this.nodes, this.data, this.locals));
    this.wrongOrder = inWrongOrder(this.nodes, this.locals, this.adjoints);
    this.differences = new Map();
  }

  hasData(place) {
    return this.forwardAt[place] <= this.step;
  }

  hasAdjoint(place) {
    return this.backwardAt[place] >= 0 && this.backwardAt[place] <= this.step;
  }

  /** The derivative; where limits decide it, the one that Python found, which holds for the given numbers only. */
  derivativeOf(place) {
    return place in this.limits && !this.isChanged() ? Number(this.limits[place]) : this.adjoints[place];
  }

  /** What `grad` holds: leaves add up over calls of backward(). */
  gradientOf(place) {
    return this.isWrongOrder ? this.wrongOrder.adjoints[place] : this.stored[place] + this.derivativeOf(place);
  }

  isWrong(place) {
    return this.hasAdjoint(place) && !Object.is(this.gradientOf(place) + 0, this.derivativeOf(place) + 0);
  }

  differenceAt(place) {
    if (!this.differences.has(place)) {
      const { difference, tolerance } = centralDifference(this.nodes, this.leaves, this.data, place);
      const agrees = Math.abs(difference - this.derivativeOf(place)) <= tolerance;
      this.differences.set(place, { difference, agrees });
    }
    return this.differences.get(place);
  }

  isChanged(places = this.changeable) {
    return places.some((place) => !Object.is(this.leaves[place], this.given[place]));
  }
}
