// The buttons of an animation; NAME and MILLISECONDS are filled in.
(() => {
  const picture = document.currentScript.parentNode, {width, height} = picture.viewBox.baseVal;
  const frames = [...picture.querySelectorAll(".NAME > g")];
  let at = 0, timer = null;
  const show = index => {
    at = (index + frames.length) % frames.length;
    frames.forEach((frame, place) => frame.setAttribute("visibility", place === at ? "visible" : "hidden"));
  };
  const pause = () => { clearInterval(timer); timer = null; };
  const play = () => { timer = setInterval(() => show(at + 1), MILLISECONDS); };
  const step = by => () => { pause(); show(at + by); };
  const back = step(-1), on = step(1), hold = () => timer === null ? play() : pause();
  const make = (name, parent, attributes) => {
    const made = parent.appendChild(document.createElementNS("http://www.w3.org/2000/svg", name));
    Object.entries(attributes).forEach(([attribute, value]) => made.setAttribute(attribute, value));
    return made;
  };
  const add = (title, action, shift, shape) => {
    const place = `translate(${width / 2 + shift} ${height - 17})`, style = "cursor:pointer";
    const button = make("g", picture, {role: "button", tabindex: 0, "aria-label": title, transform: place, style});
    make("title", button, {}).textContent = title;
    make("circle", button, {r: 13, fill: "#ececec", stroke: "#333333"});
    make("path", button, {d: shape, fill: "#333333"});
    button.onclick = action;
    button.onkeydown = event => {
      const chosen = {ArrowLeft: back, ArrowRight: on, Enter: action, " ": action}[event.key];
      if (chosen) { event.preventDefault(); chosen(); }
    };
  };
  add("step back", back, -40, "M4 -6 L-5 0 L4 6 Z");
  add("play or pause", hold, 0, "M-5 -6 h3 v12 h-3 Z M0 -6 L7 0 L0 6 Z");
  add("step on", on, 40, "M-4 -6 L5 0 L-4 6 Z");
  frames.forEach(frame => { frame.style.animation = "none"; });
  show(0);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
})();
