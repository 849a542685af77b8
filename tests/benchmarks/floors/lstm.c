/* The mean over sequences of the loss of an LSTM, and its gradient towards all weights: for each gate i, f, g, o and
   unit those of the input, of the outputs before and of 1. */
#include "lanes.h"

enum { UNITS = 8, STEPS = 12, INPUTS = 1 + UNITS + 1 };

void lstm(const double *weights, const double *sequences, const double *desired, long n, double *out) {
  static _Thread_local Lanes gates[STEPS][4][UNITS], h[STEPS + 1][UNITS], c[STEPS + 1][UNITS], bent[STEPS][UNITS];
  static _Thread_local Lanes slopes[4][UNITS][INPUTS];
  Lanes total = {0};
  memset(slopes, 0, sizeof slopes);
  for (long first = 0; first < n; first += LANES) {
    Lanes x[STEPS], d[UNITS], to_h[UNITS], to_c[UNITS], here = there(n - first);
    take(sequences + first * STEPS, n - first, STEPS, x);
    take(desired + first * UNITS, n - first, UNITS, d);
    memset(h[0], 0, sizeof h[0]);
    memset(c[0], 0, sizeof c[0]);
    for (int t = 0; t < STEPS; t++) {
      for (int k = 0; k < 4; k++)
        for (int u = 0; u < UNITS; u++) {
          const double *row = weights + (k * UNITS + u) * INPUTS;
          Lanes z = row[0] * x[t] + row[INPUTS - 1];
          for (int j = 0; j < UNITS; j++) z += row[1 + j] * h[t][j];
          gates[t][k][u] = k == 2 ? hyperbolic(z) : sigmoid(z);
        }
      for (int u = 0; u < UNITS; u++) {
        c[t + 1][u] = gates[t][1][u] * c[t][u] + gates[t][0][u] * gates[t][2][u];
        bent[t][u] = hyperbolic(c[t + 1][u]);
        h[t + 1][u] = gates[t][3][u] * bent[t][u];
      }
    }
    for (int u = 0; u < UNITS; u++) {
      Lanes off = here * (h[STEPS][u] - d[u]);
      total += off * off;
      to_h[u] = 2.0 * off;
      to_c[u] = (Lanes){0};
    }
    for (int t = STEPS - 1; t >= 0; t--) {
      Lanes before[UNITS] = {0};
      for (int u = 0; u < UNITS; u++) {
        Lanes i = gates[t][0][u], f = gates[t][1][u], g = gates[t][2][u], o = gates[t][3][u];
        Lanes all_c = to_c[u] + to_h[u] * o * (1.0 - bent[t][u] * bent[t][u]);
        Lanes z[4] = {all_c * g * i * (1.0 - i), all_c * c[t][u] * f * (1.0 - f), all_c * i * (1.0 - g * g),
                      to_h[u] * bent[t][u] * o * (1.0 - o)};
        to_c[u] = all_c * f;
        for (int k = 0; k < 4; k++) {
          const double *row = weights + (k * UNITS + u) * INPUTS;
          slopes[k][u][0] += z[k] * x[t];
          slopes[k][u][INPUTS - 1] += z[k];
          for (int j = 0; j < UNITS; j++) {
            slopes[k][u][1 + j] += z[k] * h[t][j];
            before[j] += row[1 + j] * z[k];
          }
        }
      }
      memcpy(to_h, before, sizeof before);
    }
  }
  *out++ = added(total) / n;
  for (int k = 0; k < 4; k++)
    for (int u = 0; u < UNITS; u++)
      for (int j = 0; j < INPUTS; j++) *out++ = added(slopes[k][u][j]) / n;
}
