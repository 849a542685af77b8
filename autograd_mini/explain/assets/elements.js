// Elements of the page. Texts get in as text, never as markup.

/** A function that makes elements, of attributes and children, which are elements or texts. */
const makerOf = (namespace) => (name, attributes, ...children) => {
  const made = document.createElementNS(namespace, name);
  for (const [key, value] of Object.entries(attributes ?? {})) made.setAttribute(key, value);
  made.append(...children);
  return made;
};
const element = makerOf("http://www.w3.org/1999/xhtml");
const drawn = makerOf("http://www.w3.org/2000/svg");
const mathml = makerOf("http://www.w3.org/1998/Math/MathML");
