/* The largest, and the first of those that are equal; nan if any is nan. */
static double max_of(int n, const double *x)
{
    double out = x[0];
    for (int i = 1; i < n; ++i)
        out = isunordered(out, x[i]) ? out + x[i] : out < x[i] ? x[i] : out;
    return out;
}

static double min_of(int n, const double *x)
{
    double out = x[0];
    for (int i = 1; i < n; ++i)
        out = isunordered(out, x[i]) ? out + x[i] : out > x[i] ? x[i] : out;
    return out;
}

static double prod_of(int n, const double *x)
{
    double out = x[0];
    for (int i = 1; i < n; ++i)
        out = out * x[i];
    return out;
}

/* The root of the sum of squares, of numbers brought to a size at which no square is lost. */
static double norm_of(int n, const double *x)
{
    double top = 0.0, total = 0.0, factor = 1.0, back = 1.0;
    if (n == 2)
        return hypot(x[0], x[1]);
    for (int i = 0; i < n; ++i)
        top = fabs(x[i]) > top ? fabs(x[i]) : top;
    if (n == 1)
        return fabs(x[0]);
    if (top == INFINITY)
        return top;
    if (top > 1e145) {
        factor = ldexp(1.0, -600);
        back = ldexp(1.0, 600);
    } else if (top < 1e-145) {
        factor = ldexp(1.0, 600);
        back = ldexp(1.0, -600);
    }
    for (int i = 0; i < n; ++i)
        total = (x[i] * factor) * (x[i] * factor) + total;
    return sqrt(total) * back;
}

/* The logarithm of the sum of exp(x - top), where top is the largest: exact even when the others add next to nothing. */
static double log_total(int n, const double *x, double top)
{
    double others = 0.0;
    int is_found = 0;
    for (int i = 0; i < n; ++i) {
        if (!is_found && (x[i] == top || (isnan(x[i]) && isnan(top))))
            is_found = 1;
        else
            others = exp(x[i] - top) + others;
    }
    return log1p(others);
}

static double logsumexp_of(int n, const double *x)
{
    const double top = max_of(n, x);
    return fabs(top) < INFINITY ? top + log_total(n, x, top) : top;
}

/* The functions of vectors to vectors replace their argument. */
static void softmax_in(int n, double *x, double empty)
{
    const double top = max_of(n, x);
    double total = 0.0;
    for (int i = 0; i < n; ++i) {
        x[i] = exp(x[i] - top);
        total = i ? total + x[i] : x[i];
    }
    const double share = 1.0 / total; /* as in machine code */
    for (int i = 0; i < n; ++i)
        x[i] = top == -INFINITY ? empty : x[i] * share;
}

static void log_softmax_in(int n, double *x)
{
    const double top = max_of(n, x), total = log_total(n, x, top);
    for (int i = 0; i < n; ++i)
        x[i] = fabs(top) < INFINITY ? x[i] - top - total : NAN;
}

/* For each number the sum of all others, without a subtraction: w has room for n numbers. */
static void sum_of_others_in(int n, double *x, double *w)
{
    double sum = 0.0;
    for (int i = 0; i < n; ++i) {
        w[i] = sum;
        sum = sum + x[i];
    }
    sum = 0.0;
    for (int i = n - 1; i >= 0; --i) {
        const double own = x[i];
        x[i] = w[i] + sum;
        sum = sum + own;
    }
}

/* 1 for the first number that equals out, where nan equals nan, and 0 for the others. */
static void first_equal_in(int n, double *x, double out)
{
    int is_found = 0;
    for (int i = 0; i < n; ++i) {
        const int is_equal = !is_found && (x[i] == out || (isnan(x[i]) && isnan(out)));
        x[i] = is_equal;
        is_found = is_found || is_equal;
    }
}

static void first_max_in(int n, double *x)
{
    first_equal_in(n, x, max_of(n, x));
}

static void first_min_in(int n, double *x)
{
    first_equal_in(n, x, min_of(n, x));
}

/* These write to arrays that are wanted: a null pointer says that one is not. */
static void set_nan(int n, casadi_real *x)
{
    for (int k = 0; x && k < n; ++k)
        x[k] = NAN;
}

static void set_zero(int n, casadi_real *x)
{
    for (int k = 0; x && k < n; ++k)
        x[k] = 0.0;
}

static void multiply(int n, casadi_real *x, casadi_real by)
{
    for (int k = 0; x && k < n; ++k)
        x[k] = x[k] * by;
}

/* A null pointer among the arguments stands for zeros. */
static void load(int n, const casadi_real *x, casadi_real *w)
{
    for (int k = 0; k < n; ++k)
        w[k] = x ? x[k] : 0.0;
}

/* The first of a gradient's limits from two sides, unless they differ and what the rules give is between them. */
static int settle(int n, double tolerance, double *rules, const double *first, const double *last)
{
    double most = 0.0;
    int is_one = 1, is_between = 1;
    for (int k = 0; k < n; ++k) {
        if (!isfinite(first[k] + last[k] + rules[k]))
            return 2;
        most = fmax(most, fmax(fabs(first[k]), fabs(last[k])));
    }
    for (int k = 0; k < n; ++k) {
        const double slack = tolerance * most;
        is_one = is_one && fabs(first[k] - last[k]) <= slack;
        is_between = is_between && fmin(first[k], last[k]) - slack <= rules[k];
        is_between = is_between && rules[k] <= fmax(first[k], last[k]) + slack;
    }
    for (int k = 0; k < n && (is_one || !is_between); ++k)
        rules[k] = first[k];
    return 0;
}
