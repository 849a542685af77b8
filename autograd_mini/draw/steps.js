// The buttons of an animation; NAME and MILLISECONDS are filled in.
(() => {
  const picture = document.currentScript.parentNode, frames = [...picture.querySelectorAll(".NAME > g")];
  const buttons = [...picture.querySelectorAll(".NAME-controls > g")];
  let at = 0, timer = null;
  const show = index => {
    at = (index + frames.length) % frames.length;
    frames.forEach((frame, place) => frame.setAttribute("visibility", place === at ? "visible" : "hidden"));
  };
  const pause = () => { clearInterval(timer); timer = null; };
  const play = () => { timer = setInterval(() => show(at + 1), MILLISECONDS); };
  const step = by => () => { pause(); show(at + by); };
  const actions = [step(-1), () => timer === null ? play() : pause(), step(1)];
  buttons.forEach((button, place) => {
    button.onclick = actions[place];
    button.onkeydown = event => {
      const keys = {ArrowLeft: actions[0], ArrowRight: actions[2], Enter: actions[place], " ": actions[place]};
      const action = keys[event.key];
      if (action) { event.preventDefault(); action(); }
    };
  });
  frames.forEach(frame => { frame.style.animation = "none"; });
  buttons[0].parentNode.setAttribute("visibility", "visible");
  show(0);
  if (!matchMedia("(prefers-reduced-motion: reduce)").matches) play();
})();
