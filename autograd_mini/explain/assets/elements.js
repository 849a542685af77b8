// Creates elements of the page. Texts are inserted as text, never as markup.

/** Set attributes of an element. */
function set(target, attributes) {
  for (const [key, value] of Object.entries(attributes)) target.setAttribute(key, value);
  return target;
}

/** A function that makes elements with attributes and children, which are elements or texts. */
const makerOf = (namespace) => (name, attributes = {}, ...children) => {
  const made = set(document.createElementNS(namespace, name), attributes);
  made.append(...children);
  return made;
};
const element = makerOf("http://www.w3.org/1999/xhtml");
const drawn = makerOf("http://www.w3.org/2000/svg");
const mathml = makerOf("http://www.w3.org/1998/Math/MathML");
