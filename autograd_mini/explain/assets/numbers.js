// Numbers as Python writes them, and read back.

/** Python's repr of a float: the fewest digits that give the number back. */
function repr(x) {
  if (!Number.isFinite(x)) return Number.isNaN(x) ? "nan" : x < 0 ? "-inf" : "inf";
  if (Object.is(x, -0)) return "-0.0";
  const [digits, exponent] = x.toExponential().split("e");
  if (exponent < -4 || exponent >= 16) return `${digits}e${padded(exponent)}`;
  return Number.isInteger(x) ? `${x}.0` : `${x}`;
}

/** A number with that many significant digits, as in Python's format ".4g", with a proper minus sign. */
function short(x, digits = 4) {
  if (!Number.isFinite(x)) return repr(x).replace("-", "−");
  const [first, exponent] = x.toExponential(digits - 1).split("e");
  const trimmed = (text) => (text.includes(".") ? text.replace(/\.?0+$/, "") : text);
  const isLong = exponent < -4 || exponent >= digits;
  const text = isLong ? `${trimmed(first)}e${padded(exponent)}` : trimmed(x.toFixed(digits - 1 - exponent));
  return text.replaceAll("-", "−");
}

/** A number that always shows its sign, so that colour is not the only way to tell it. */
function signed(x, digits = 4) {
  return (x > 0 ? "+" : "") + short(x, digits);
}

/** A number with as many significant digits as fit into `room` characters: 4 at most, 2 at least. */
function fitting(x, room, write = short) {
  const texts = [4, 3, 2].map((digits) => write(x, digits));
  return texts.find((text) => text.length <= room) ?? texts.at(-1);
}

/** A number as a factor or a later term: in brackets if it begins with a sign. */
function factor(x) {
  return x < 0 ? `(${short(x)})` : short(x);
}

function signOf(x) {
  return x > 0 ? "positive" : x < 0 ? "negative" : "";
}

function padded(exponent) {
  return exponent[0] + exponent.slice(1).padStart(2, "0");
}

/** The number that somebody typed; NaN if it is not a number. */
function parse(text) {
  const plain = (text ?? "").trim().replace("−", "-");
  return /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(plain) ? Number(plain) : NaN;
}
