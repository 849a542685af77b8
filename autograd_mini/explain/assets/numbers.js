// Numbers as Python writes them, and read back.

/** Python's repr of a float: the fewest digits that give the number back. */
function repr(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  if (Object.is(x, -0)) return "-0.0";
  const [digits, exponent] = x.toExponential().split("e");
  if (exponent < -4 || exponent >= 16) return `${digits}e${padded(exponent)}`;
  return Number.isInteger(x) ? `${x}.0` : `${x}`;
}

/** So many significant digits, as Python's format ".4g", with a minus sign proper. */
function short(x, digits = 4) {
  if (!Number.isFinite(x)) return repr(x).replace("-", "−");
  const [first, exponent] = x.toExponential(digits - 1).split("e");
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  const isLong = exponent < -4 || exponent >= digits;
  const text = isLong ? `${trimmed(first)}e${padded(exponent)}` : trimmed(x.toFixed(digits - 1 - exponent));
  return text.replaceAll("-", "−");
}

/** With its sign in any case: what tells positive from negative beside the colour. */
function signed(x, digits = 4) {
  return (x > 0 ? "+" : "") + short(x, digits);
}

/** With as many of 4 significant digits as there is room for, in characters; 2 at the least. */
function fitting(x, room, write = short) {
  const texts = [4, 3, 2].map((digits) => write(x, digits));
  return texts.find((text) => text.length <= room) ?? texts.at(-1);
}

/** As a factor or a later term: in brackets if it begins with a sign. */
function factor(x) {
  return x < 0 ? `(${short(x)})` : short(x);
}

function signOf(x) {
  return x > 0 ? "positive" : x < 0 ? "negative" : "";
}

function padded(exponent) {
  return exponent[0] + exponent.slice(1).padStart(2, "0");
}

/** The number that somebody typed; nan for what is none. */
function parse(text) {
  const plain = (text ?? "").trim().replace("−", "-");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}
