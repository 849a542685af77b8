/* Eight examples side by side, in as many registers as the machine needs for that. */
#include <string.h>

enum { LANES = 8 };
typedef double Lanes __attribute__((vector_size(8 * LANES)));
typedef long long Whole __attribute__((vector_size(8 * LANES)));

static inline Lanes all(double x) { return x - (Lanes){0}; }

static inline Lanes choose(Whole when, Lanes x, Lanes y) {
  return (Lanes)(((Whole)x & when) | ((Whole)y & ~when));
}

static inline Lanes larger(Lanes x, Lanes y) { return choose(x > y, x, y); }

static inline double added(Lanes x) {
  double sum = 0.0;
  for (int i = 0; i < LANES; i++) sum += x[i];
  return sum;
}

/* e^x for x from -700 to 700: 2^n e^r with r up to half of log 2, where the terms of the series up to r^13 do. */
static inline Lanes exponential(Lanes x) {
  const double magic = 6755399441055744.0; /* 1.5 2^52, after whose addition the lowest bits are a whole number */
  x = larger(all(-700.0), choose(x < 700.0, x, all(700.0)));
  Lanes shifted = x * 1.4426950408889634 + magic, n = shifted - magic;
  Lanes r = x - n * 6.93147180369123816490e-01 - n * 1.90821492927058770002e-10, sum = all(1.0);
  for (int k = 13; k > 0; k--) sum = sum * r * (1.0 / k) + 1.0;
  Whole bits = (Whole)shifted << 52;
  return (Lanes)((Whole)sum + bits);
}

static inline Lanes sigmoid(Lanes x) { return 1.0 / (1.0 + exponential(-x)); }
static inline Lanes hyperbolic(Lanes x) { return 1.0 - 2.0 / (1.0 + exponential(2.0 * x)); }

/* Numbers of up to eight examples, `count` of each one after the other; those that are not there are 0. */
static inline void take(const double *from, long examples, int count, Lanes *to) {
  for (int i = 0; i < count; i++) {
    to[i] = (Lanes){0};
    for (int k = 0; k < LANES && k < examples; k++) to[i][k] = from[k * (long)count + i];
  }
}

/* 1 for examples that are there. */
static inline Lanes there(long examples) {
  Lanes found = {0};
  for (int k = 0; k < LANES && k < examples; k++) found[k] = 1.0;
  return found;
}
