/* A perceptron 2-16-16-1 with rectifiers: the mean of its hinge loss over all points plus `penalty` times the squares
   of all weights, and the gradient towards these; of each neuron the bias comes first. */
#include "lanes.h"

enum { HIDDEN = 16, FIRST = 3 * HIDDEN, SECOND = (HIDDEN + 1) * HIDDEN, WEIGHTS = FIRST + SECOND + HIDDEN + 1 };

void moons(const double *weights, const double *points, const double *desired, long n, double penalty, double *out) {
  const double *second = weights + FIRST, *last = second + SECOND;
  Lanes total = {0}, slopes[WEIGHTS], zero = {0};
  memset(slopes, 0, sizeof slopes);
  for (long start = 0; start < n; start += LANES) {
    Lanes x[2], d, y[HIDDEN], z[HIDDEN], to_y[HIDDEN] = {0}, *slope = slopes;
    take(points + 2 * start, n - start, 2, x);
    take(desired + start, n - start, 1, &d);
    for (int i = 0; i < HIDDEN; i++)
      y[i] = larger(weights[3 * i] + weights[3 * i + 1] * x[0] + weights[3 * i + 2] * x[1], zero);
    Lanes output = all(last[0]);
    for (int i = 0; i < HIDDEN; i++) {
      const double *row = second + (HIDDEN + 1) * i;
      Lanes sum = all(row[0]);
      for (int j = 0; j < HIDDEN; j++) sum += row[1 + j] * y[j];
      z[i] = larger(sum, zero);
      output += last[1 + i] * z[i];
    }
    Lanes lacks = there(n - start) * (1.0 - d * output);
    total += larger(lacks, zero);
    Lanes g = choose(lacks > 0.0, -d / (double)n, zero);
    slope += FIRST + SECOND;
    slope[0] += g;
    for (int i = 0; i < HIDDEN; i++) {
      slope[1 + i] += g * z[i];
      Lanes inner = choose(z[i] > 0.0, last[1 + i] * g, zero);
      Lanes *row = slopes + FIRST + (HIDDEN + 1) * i;
      row[0] += inner;
      for (int j = 0; j < HIDDEN; j++) {
        row[1 + j] += inner * y[j];
        to_y[j] += second[(HIDDEN + 1) * i + 1 + j] * inner;
      }
    }
    for (int i = 0; i < HIDDEN; i++) {
      Lanes inner = choose(y[i] > 0.0, to_y[i], zero);
      slopes[3 * i] += inner;
      slopes[3 * i + 1] += inner * x[0];
      slopes[3 * i + 2] += inner * x[1];
    }
  }
  double squares = 0.0;
  for (int k = 0; k < WEIGHTS; k++) {
    squares += weights[k] * weights[k];
    out[1 + k] = added(slopes[k]) + 2.0 * penalty * weights[k];
  }
  out[0] = added(total) / n + penalty * squares;
}
