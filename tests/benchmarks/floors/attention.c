/* The mean over examples of the loss of a block of self-attention, and its gradient towards the three matrices. */
#include "lanes.h"

enum { TOKENS = 6, WIDTH = 4, SIZE = TOKENS * WIDTH };

void attention(const double *weights, const double *tokens, const double *desired, long n, double *out) {
  Lanes total = {0}, slopes[3][WIDTH][WIDTH];
  memset(slopes, 0, sizeof slopes);
  for (long first = 0; first < n; first += LANES) {
    Lanes x[TOKENS][WIDTH], d[TOKENS][WIDTH], y[3][TOKENS][WIDTH], g[3][TOKENS][WIDTH], here = there(n - first);
    take(tokens + first * SIZE, n - first, SIZE, x[0]);
    take(desired + first * SIZE, n - first, SIZE, d[0]);
    for (int m = 0; m < 3; m++)
      for (int t = 0; t < TOKENS; t++)
        for (int i = 0; i < WIDTH; i++) {
          const double *row = weights + (m * WIDTH + i) * WIDTH;
          y[m][t][i] = row[0] * x[t][0] + row[1] * x[t][1] + row[2] * x[t][2] + row[3] * x[t][3];
        }
    memset(g, 0, sizeof g);
    for (int t = 0; t < TOKENS; t++) {
      Lanes share[TOKENS], most = all(-1e300), sum = {0}, weighed = {0}, off[WIDTH], slope[TOKENS];
      for (int u = 0; u < TOKENS; u++) {
        share[u] = (Lanes){0};
        for (int i = 0; i < WIDTH; i++) share[u] += 0.5 * y[0][t][i] * y[1][u][i];
        most = larger(most, share[u]);
      }
      for (int u = 0; u < TOKENS; u++) sum += share[u] = exponential(share[u] - most);
      for (int u = 0; u < TOKENS; u++) share[u] /= sum;
      for (int i = 0; i < WIDTH; i++) {
        off[i] = -d[t][i];
        for (int u = 0; u < TOKENS; u++) off[i] += share[u] * y[2][u][i];
        off[i] *= here;
        total += off[i] * off[i];
      }
      for (int u = 0; u < TOKENS; u++) {
        slope[u] = (Lanes){0};
        for (int i = 0; i < WIDTH; i++) {
          slope[u] += 2.0 * off[i] * y[2][u][i];
          g[2][u][i] += 2.0 * off[i] * share[u];
        }
        weighed += slope[u] * share[u];
      }
      for (int u = 0; u < TOKENS; u++) {
        Lanes score = 0.5 * share[u] * (slope[u] - weighed);
        for (int i = 0; i < WIDTH; i++) {
          g[0][t][i] += score * y[1][u][i];
          g[1][u][i] += score * y[0][t][i];
        }
      }
    }
    for (int m = 0; m < 3; m++)
      for (int i = 0; i < WIDTH; i++)
        for (int t = 0; t < TOKENS; t++)
          for (int j = 0; j < WIDTH; j++) slopes[m][i][j] += g[m][t][i] * x[t][j];
  }
  *out++ = added(total) / n;
  for (int m = 0; m < 3; m++)
    for (int i = 0; i < WIDTH; i++)
      for (int j = 0; j < WIDTH; j++) *out++ = added(slopes[m][i][j]) / n;
}
