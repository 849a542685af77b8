/* The mean over paths of the discounted payoff of a call on the average price, and its derivatives towards the first
   price, the rate and the volatility. */
#include <math.h>

#include "lanes.h"

void asian(const double *parameters, const double *shocks, long n, long steps, double strike, double *out) {
  double spot = parameters[0], rate = parameters[1], volatility = parameters[2], step = 1.0 / steps, root = sqrt(step);
  double drift = (rate - volatility * volatility / 2.0) * step, paid = exp(-rate);
  Lanes sums[4] = {0};
  for (long first = 0; first < n; first += LANES) {
    Lanes level = all(spot), mean = {0}, to_rate = {0}, to_volatility = {0}, walk = {0}, here = there(n - first);
    for (long t = 0; t < steps; t++) {
      Lanes z = {0};
      for (int k = 0; k < LANES && k < n - first; k++) z[k] = shocks[(first + k) * steps + t];
      walk += z;
      level *= exponential(drift + volatility * root * z);
      mean += level;
      to_rate += level * (step * (t + 1));
      to_volatility += level * (root * walk - volatility * step * (t + 1));
    }
    Lanes gain = mean / (double)steps - strike, is_paid = choose(gain > 0.0, here, (Lanes){0});
    sums[0] += is_paid * gain;
    sums[1] += is_paid * mean / (spot * steps);
    sums[2] += is_paid * (to_rate / (double)steps - gain);
    sums[3] += is_paid * to_volatility / (double)steps;
  }
  for (int k = 0; k < 4; k++) out[k] = paid * added(sums[k]) / n;
}
