"""Adaptive integration of one node: Rodas5P, order 5(4), eight stages, L-stable and stiffly accurate, dense output.

Source: Steinebach (2023), BIT Numer. Math. 63, 27 (coefficients in the form of Hairer and Wanner, Solving ODEs II,
sec. IV.7: stage k_i of ``(1/(gamma h) - J) k_i = f(u + sum a_ij k_j) + sum C_ij k_j / h + h d_i df/dt``).
"""

import numpy as np

GAMMA = 0.21193756319429014
# rows of a_ij (stages 2 to 6; stages 7 and 8 add k6 and k7 to row 6), padded to 8 columns
A = np.zeros((8, 8))
A[1, :1] = [3.0]
A[2, :2] = [2.849394379747939, 0.45842242204463923]
A[3, :3] = [-6.954028509809101, 2.489845061869568, -10.358996098473584]
A[4, :4] = [2.8029986275628964, 0.5072464736228206, -0.3988312541770524, -0.04721187230404641]
A[5, :5] = [-7.502846399306121, 2.561846144803919, -11.627539656261098, -0.18268767659942256, 0.030198172008377946]
A[6, :6] = [*A[5, :5], 1.0]
A[7, :7] = [*A[5, :5], 1.0, 1.0]
C = np.zeros((8, 8))
C[1, :1] = [-14.155112264123755]
C[2, :2] = [-17.97296035885952, -2.859693295451294]
C[3, :3] = [147.12150275711716, -1.41221402718213, 71.68940251302358]
C[4, :4] = [165.43517024871676, -0.4592823456491126, 42.90938336958603, -5.961986721573306]
C[5, :5] = [24.854864614690072, -3.0009227002832186, 47.4931110020768, 5.5814197821558125, -0.6610691825249471]
C[6, :6] = [
    30.91273214028599,
    -3.1208243349937974,
    77.79954646070892,
    34.28646028294783,
    -19.097331116725623,
    -28.087943162872662,
]
C[7, :7] = [
    37.80277123390563, -3.2571969029072276, 112.26918849496327, 66.9347231244047, -40.06618937091002,
    -54.66780262877968, -9.48861652309627,
]  # fmt: skip
NODES = np.array([0.0, 0.6358126895828704, 0.4095798393397535, 0.9769306725060716, 0.4288403609558664, 1.0, 1.0, 1.0])
D = np.array(
    [
        0.21193756319429014,
        -0.42387512638858027,
        -0.3384627126235924,
        1.8046452872882734,
        2.325825639765069,
        0.0,
        0.0,
        0.0,
    ]
)
H = np.array([
    [25.948786856663858, -2.5579724845846235, 10.433815404888879, -2.3679251022685204, 0.524948541321073,
     1.1241088310450404, 0.4272876194431874, -0.17202221070155493],
    [-9.91568850695171, -0.9689944594115154, 3.0438037242978453, -24.495224566215796, 20.176138334709044,
     15.98066361424651, -6.789040303419874, -6.710236069923372],
    [11.419903575922262, 2.8879645146136994, 72.92137995996029, 80.12511834622643, -52.072871366152654,
     -59.78993625266729, -0.15582684282751913, 4.883087185713722],
])  # fmt: skip
COEFFICIENTS = np.concatenate([A, C, NODES[None], D[None], H])  # one array for the compiled core, shape (21, 8)

DONE, TOO_SMALL, NOT_FINITE, NEGATIVE, TOO_MANY = 0, 1, 2, 3, 4


def rodas(
    point_rates,
    point_factor,
    point_solve,
    y,
    P,
    Q,
    E,
    t,
    t_end,
    low,
    high,
    h,
    h_max,
    rtol,
    atol,
    floor,
    out_t,
    out,
    coef,
    work,
    counts,
):
    """Integrate from t to t_end with error control; `y` holds the end state.

    Args:
        point_rates: ``(t, y, P, Q, E, f, ft)``: right-hand side and its derivative to time.
        point_factor: ``(t, y, P, Q, E, w, lu, again) -> least pivot``: factors of ``w - J``; `again` keeps J.
        point_solve: ``(lu, b)``: solve in place.
        y: state, shape (n,).
        P: parameters.
        Q: node inputs.
        E: electrodes.
        t: start, ms.
        t_end: end, ms.
        low: times at which rates are evaluated are kept above this, ms: just inside the stops of a stretch, so that a
            condition that switches at a stop has the value that it has inside.
        high: they are kept below this, ms, for the same reason.
        h: first step to try, ms.
        h_max: longest step, ms.
        rtol: relative tolerance.
        atol: absolute tolerance, shape (n,).
        floor: least value that a row may take, shape (n,); -inf where it may take any.
        out_t: times at which the state is wanted, ascending, in (t, t_end], shape (m,).
        out: states at these times, shape (m, n); written.
        coef: `COEFFICIENTS`.
        work: 14 rows of n numbers, then the factors; see `WORK_ROWS` and `factor_size` in point.py.
        counts: steps, rejections, right-hand sides, int64, shape (3,); added to.

    Returns:
        status, time reached, last step, number of outputs written.
    """
    n = y.size
    k, f, ft, new, dense = work[:8], work[8], work[9], work[10], work[11:14]
    lu = work[14:].reshape(-1)
    written = 0
    again = False
    failures = 0
    while t < t_end:
        last = t + h * 1.0000001 >= t_end
        if last:
            h = t_end - t
        pivot = point_factor(min(max(t, low), high), y, P, Q, E, 1.0 / (0.21193756319429014 * h), lu, again)
        point_rates(min(max(t, low), high), y, P, Q, E, f, ft)
        moving = False
        for i in range(n):
            if ft[i] != 0.0:
                moving = True
        for s in range(8):
            if s > 0:
                for i in range(n):
                    new[i] = y[i]
                for j in range(s):
                    a = coef[s, j]
                    for i in range(n):
                        new[i] += a * k[j, i]
                point_rates(min(max(t + coef[16, s] * h, low), high), new, P, Q, E, f, dense[0])
            for i in range(n):
                k[s, i] = f[i]
            for j in range(s):
                c = coef[8 + s, j] / h
                for i in range(n):
                    k[s, i] += c * k[j, i]
            if moving:
                for i in range(n):
                    k[s, i] += h * coef[17, s] * ft[i]
            point_solve(lu, k[s])
        error = 0.0
        finite = True
        negative = False
        for i in range(n):
            new[i] += k[7, i]
            scale = atol[i] + rtol * max(abs(y[i]), abs(new[i]))
            error = max(error, abs(k[7, i]) / scale)
            if not abs(new[i]) < 1e300:
                finite = False
            if new[i] < floor[i]:
                negative = True
        counts[2] += 8
        if not finite or not error < 1e300:
            error = 1e6
        if negative or not pivot > 0.0:
            error = max(error, 100.0)
        if error <= 1.0:
            counts[0] += 1
            if written < out_t.size and out_t[written] <= t + h:
                for row in range(3):
                    for i in range(n):
                        total = 0.0
                        for j in range(8):
                            total += coef[18 + row, j] * k[j, i]
                        dense[row, i] = total
                while written < out_t.size and (out_t[written] <= t + h or last):
                    x = (out_t[written] - t) / h
                    for i in range(n):
                        inner = dense[0, i] + x * (dense[1, i] + x * dense[2, i])
                        out[written, i] = (1.0 - x) * y[i] + x * (new[i] + (1.0 - x) * inner)
                    written += 1
            t = t_end if last else t + h
            for i in range(n):
                y[i] = new[i]
            again = False
            failures = 0
        else:
            counts[1] += 1
            again = True
            failures += 1
            if failures > 60 or h < 1e-13 * max(abs(t), 1e-9):
                for i in range(n):
                    y[i] = new[i]
                status = 2 if not finite else (3 if negative else 1)
                return status, t, h, written
        grow = 0.9 * max(error, 1e-8) ** -0.2
        h *= min(6.0, max(0.15, grow)) if error <= 1.0 else min(0.9, max(0.1, grow))
        h = min(h, h_max)
        if counts[0] + counts[1] > 100000000:
            return 4, t, h, written
    return 0, t, h, written
