// Functions that the Math of JavaScript lacks, or has with other results at the edges. Those that a page needs are put
// into it. Functions of any number of arguments take one array; options are the last argument.

function isNegative(x) {
  return x < 0 || Object.is(x, -0);
}

// Within rules an x of exactly 0 wins over inf, nan and a divisor 0.
function scale(x, y) {
  return x === 0 ? 0 : x * y;
}

function ratio(x, y) {
  return x === 0 ? 0 : x / y;
}

function copysign(x, y) {
  return isNegative(y) ? -Math.abs(x) : Math.abs(x);
}

// The nearest integer, halves to even.
function rint(x) {
  const shift = 2 ** 52;
  return Math.abs(x) < shift ? copysign(Math.abs(x) + shift - shift, x) : x;
}

function frac(x) {
  return copysign(Math.abs(x) === Infinity ? 0 : x - Math.trunc(x), x);
}

// As C99: 1 to any power is 1, and -1 to an infinite one.
function pow(x, y) {
  return x === 1 || (x === -1 && Math.abs(y) === Infinity) ? 1 : Math.pow(x, y);
}

// x - n·y for the integer n nearest to x/y, in steps without rounding.
function remainder(x, y) {
  const divisor = Math.abs(y);
  let rest = Math.abs(x) % (divisor + divisor);
  if (rest + rest > divisor) {
    rest -= divisor;
    if (rest + rest >= divisor) rest -= divisor;
  }
  return isNegative(x) ? -rest : rest;
}

// x·2ⁿ, rounded once: below the normal numbers in steps that keep 53 bits until the last.
function ldexp(x, exponent) {
  if (!Number.isFinite(exponent)) return x * pow(2, exponent);
  let n = Math.max(-2200, Math.min(2200, Math.trunc(exponent)));
  for (; n > 1023; n -= 1023) x *= 2 ** 1023;
  for (; n < -1022; n += 969) x *= 2 ** -969;
  return x * 2 ** n;
}

// Extremes: nan if any is nan; of equal ones the first.
function max(xs) {
  return xs.reduce((top, x) => (x !== x || x > top ? x : top));
}

function min(xs) {
  return xs.reduce((bottom, x) => (x !== x || x < bottom ? x : bottom));
}

// 1 for the first of several numbers that is `out`, 0 for the others.
function first_equal(out, ...xs) {
  const first = xs.findIndex((x) => x === out || (x !== x && out !== out));
  return xs.map((x, i) => (i === first ? 1 : 0));
}

// 1 for the argument that clip gives, 0 for the two others.
function clip_branch(x, low, high) {
  if (!(x < low || x > high)) return [1, 0, 0];
  return x > high || low > high ? [0, 0, 1] : [0, 1, 0];
}

function sum(xs) {
  return xs.reduce((total, x) => total + x, 0);
}

function mean(xs) {
  return sum(xs) / xs.length;
}

function prod(xs) {
  return xs.reduce((product, x) => product * x, 1);
}

// Of the first half of the numbers with the second.
function dot(xs) {
  const half = xs.length / 2;
  let total = 0;
  for (let i = 0; i < half; i++) total += xs[i] * xs[half + i];
  return total;
}

function hypot(xs) {
  return Math.hypot(...xs);
}

// A finite number as an integer times a power of 2.
function integerAndExponent(x) {
  let exponent = 0;
  while (!Number.isInteger(x)) {
    x *= 2 ** 32;
    exponent -= 32;
  }
  return [BigInt(x), exponent];
}

// Σ x·y over pairs of finite numbers, rounded once; `zero` where it vanishes.
function exactSum(pairs, zero) {
  const terms = pairs.map(([x, y]) => {
    const [a, i] = integerAndExponent(x);
    const [b, j] = integerAndExponent(y);
    return [a * b, i + j];
  });
  const exponent = Math.min(...terms.map((term) => term[1]));
  const total = terms.reduce((sum, [n, i]) => sum + (n << BigInt(i - exponent)), 0n);
  if (total === 0n) return zero;
  const size = total < 0n ? -total : total;
  const dropped = Math.max(size.toString(2).length - 53, -1074 - exponent, 0);
  const unit = 1n << BigInt(dropped);
  let kept = size / unit;
  const rest = 2n * (size % unit);
  if (rest > unit || (rest === unit && kept % 2n === 1n)) kept += 1n;
  const rounded = ldexp(Number(kept), dropped + exponent);
  return total < 0n ? -rounded : rounded;
}

// x·y + z, rounded once.
function fma(x, y, z) {
  if (!Number.isFinite(x) || !Number.isFinite(y)) return x * y + z;
  return Number.isFinite(z) ? exactSum([[x, y], [z, 1]], x * y + z) : z;
}

// Σ x, rounded once.
function fsum(xs) {
  const infinite = xs.filter((x) => !Number.isFinite(x));
  return infinite.length ? sum(infinite) : exactSum([[0, 1], ...xs.map((x) => [x, 1])], 0);
}

// Σ x·y of the first half of the numbers with the second, rounded once.
function sumprod(xs) {
  const half = xs.length / 2;
  const pairs = xs.slice(0, half).map((x, i) => [x, xs[half + i]]);
  const infinite = pairs.filter(([x, y]) => !Number.isFinite(x) || !Number.isFinite(y));
  return infinite.length ? sum(infinite.map(([x, y]) => x * y)) : exactSum([[0, 1], ...pairs], 0);
}

// log Σ exp(x - top): the first that is `top` stays outside, so that little next to it is not lost.
function logTotal(xs, top) {
  const first = xs.indexOf(top);
  return Math.log1p(sum(xs.map((x, i) => (i === first ? 0 : Math.exp(x - top)))));
}

function logsumexp(xs) {
  const top = max(xs);
  return Number.isFinite(top) ? top + logTotal(xs, top) : top;
}

function shares(xs, empty) {
  const top = max(xs);
  if (!Number.isFinite(top)) return xs.map(() => (top === -Infinity ? empty : NaN));
  const powers = xs.map((x) => Math.exp(x - top));
  const total = sum(powers);
  return powers.map((power) => power / total);
}

function softmax(xs, {index = 0, empty = NaN} = {}) {
  return shares(xs, empty)[index];
}

// 1 - softmax as the sum of the other outputs.
function softmax_rest(xs, {index = 0, empty = NaN} = {}) {
  return sum(shares(xs, empty).filter((share, i) => i !== index));
}

function log_softmax(xs, {index = 0} = {}) {
  const top = max(xs);
  return Number.isFinite(top) ? xs[index] - top - logTotal(xs, top) : NaN;
}

// exp(-x²), with the square in two parts: rounded to one it would lose digits.
function gauss(x) {
  const head = Math.fround(x);
  return Math.exp(-head * head) * Math.exp((head - x) * (head + x));
}

// Near 0 by its series, NIST Handbook of Mathematical Functions 7.6.2: all terms have one sign.
function erf(x) {
  if (!(Math.abs(x) < 1)) return x < 0 ? erfc(-x) - 1 : 1 - erfc(x);
  let total = x;
  for (let n = 1, term = x, before = NaN; total !== before; n++) {
    before = total;
    term *= (2 * x * x) / (2 * n + 1);
    total += term;
  }
  return (2 / Math.sqrt(Math.PI)) * gauss(x) * total;
}

// By its continued fraction, NIST Handbook 7.9.1, from the inside outwards.
function erfc(x) {
  if (x < 0) return 2 - erfc(-x);
  if (x < 0.5) return 1 - erf(x);
  if (x > 28) return 0;
  let fraction = x;
  for (let n = Math.ceil(20 + 200 / (x * x)); n > 0; n--) fraction = x + n / 2 / fraction;
  return gauss(x) / Math.sqrt(Math.PI) / fraction;
}

// sin πx, exact at integers.
function sinOfPi(x) {
  const nearest = rint(x);
  const sine = Math.sin(Math.PI * (x - nearest));
  return nearest % 2 === 0 ? sine : -sine;
}

// Σ B₂ₖ/(2k(2k - 1)x²ᵏ⁻¹), what Stirling's formula leaves of log Γ(x) for large x: NIST Handbook 5.11.1.
function stirlingRest(x) {
  return BERNOULLI.reduceRight((rest, b, i) => rest / x / x + b / ((2 * i + 2) * (2 * i + 1)), 0) / x;
}

// Γ: small integers as products, others by Stirling's formula at x ≥ 8 and the recurrence, or by reflection.
function gamma(x) {
  if (Math.abs(x) < 1e-17) return 1 / x;
  if (x > 172) return Infinity;
  if (Number.isInteger(x) && x < 24) return x < 0 ? NaN : factorial(x - 1);
  if (x < -200) return 0 / sinOfPi(x);
  const [a, b] = x < 0.5 ? factorsOfGamma(-x, 1) : factorsOfGamma(x, 0);
  return x < 0.5 ? Math.PI / sinOfPi(x) / a / b : a * b;
}

function factorial(n) {
  let product = 1;
  for (let k = 2; k <= n; k++) product *= k;
  return product;
}

// Γ(x + first) as a product of two, of which neither overflows below 200. What is lost when a sum x + n is rounded
// would cost several digits of the power, so it is put right.
function factorsOfGamma(x, first) {
  let divisor = 1;
  let n = first;
  for (; x + n < 8; n++) divisor *= x + n;
  const shifted = x + n;
  const lost = x - (shifted - n);
  const rest = (Math.sqrt(2 * Math.PI) * Math.exp(stirlingRest(shifted) + lost * Math.log(shifted))) / divisor;
  if (shifted < 140) return [Math.pow(shifted, shifted - 0.5) * Math.exp(-shifted), rest];
  const root = Math.pow(shifted, (shifted - 0.5) / 2);
  return [root * Math.exp(-shifted), root * rest];
}

// log |Γ|: next to the roots 1 and 2 by a series, NIST Handbook 5.7.3.
function lgamma(x) {
  if (Math.abs(x) === Infinity) return Infinity;
  if (Math.abs(x) < 1e-17) return -Math.log(Math.abs(x));
  if (x < 0) {
    const sine = Math.abs(sinOfPi(x));
    return sine === 0 ? Infinity : Math.log(Math.PI / sine) - lgamma(1 - x);
  }
  const h = x > 1.5 ? x - 2 : x - 1;
  if (Math.abs(h) < 0.25) {
    const series = AT_TWO.reduceRight((total, coefficient) => (total + coefficient) * h, 0);
    return x > 1.5 ? series : series - Math.log1p(h);
  }
  if (x < 12) return Math.log(gamma(x));
  return (x - 0.5) * (Math.log(x) - 1) + (Math.log(2 * Math.PI) - 1) / 2 + stirlingRest(x);
}

// The derivative of lgamma, by recurrence and asymptotic series: NIST Handbook 5.5.2, 5.5.4, 5.11.2.
function digamma(x) {
  if (x === 0) return -1 / x;
  if (x < 0) {
    const isPole = Number.isInteger(x) || x === -Infinity;
    return isPole ? NaN : digamma(1 - x) - Math.PI * cotangentDerivative(x, 0);
  }
  if (Math.abs(x - ROOT) < 0.25) {
    const h = x - ROOT - ROOT_REST;
    return AT_ROOT.reduceRight((total, coefficient) => (total + coefficient) * h, 0);
  }
  let shift = 0;
  for (; x < 12; x++) shift += 1 / x;
  let series = 0;
  for (let k = 8; k > 0; k--) series = (series + BERNOULLI[k - 1] / (2 * k)) / x / x;
  return Math.log(x) - 0.5 / x - series - shift;
}

// The derivative of that order of digamma: NIST Handbook 25.11.12, and 5.15.6 for negative x.
function polygamma(x, {order = 1} = {}) {
  if (order === 0) return digamma(x);
  if (x !== x || x === -Infinity) return NaN;
  const sign = order % 2 ? 1 : -1;
  if (x <= 0 && Number.isInteger(x)) return sign > 0 ? Infinity : NaN;
  if (x < 0) {
    return -sign * polygamma(1 - x, {order}) - Math.PI ** (order + 1) * cotangentDerivative(x, order);
  }
  return sign * factorial(order) * hurwitzZeta(order + 1, x);
}

// Σ (x + k)⁻ˢ over k ≥ 0 by Euler and Maclaurin's formula: NIST Handbook 25.11.5.
function hurwitzZeta(s, x) {
  let total = 0;
  for (; x < 12 + s; x++) total += Math.pow(x, -s);
  let term = Math.pow(x, 1 - s);
  let tail = term / (s - 1) + (0.5 * term) / x;
  let factor = term / x;
  BERNOULLI.forEach((bernoulli, i) => {
    factor *= (s + 2 * i) / x / (2 * i + 2);
    tail += bernoulli * factor;
    factor *= (s + 2 * i + 1) / x / (2 * i + 3);
  });
  return total + tail;
}

// The derivative of that order of cot, at πx, by its polynomial in cot: cot' = -(1 + cot²).
function cotangentDerivative(x, order) {
  const fraction = x - rint(x);
  const rest = 0.5 - Math.abs(fraction); // exactly 0 where the cotangent is
  const cotangent = rest < 0.25 ? Math.sign(fraction) * Math.tan(Math.PI * rest) : 1 / Math.tan(Math.PI * fraction);
  let polynomial = [0, 1];
  for (let n = 0; n < order; n++) {
    const slope = polynomial.map((c, power) => power * c).slice(1);
    polynomial = [0, 0, ...slope].map((c, i) => -((slope[i] || 0) + c));
  }
  return polynomial.reduceRight((total, c) => total * cotangent + c);
}
