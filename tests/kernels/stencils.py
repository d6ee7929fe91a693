"""Sweeps over grids: relaxation, waves, diffusion, flow."""

import numpy as np

from tests.kernels import kernel, normal, positive, unset


@kernel(
    lambda n: dict(A=normal(n), B=normal(n, seed=1), steps=3), wrt="A B", writes="A B", sizes=(7, 4000), linear=True
)
def jacobi_1d(A, B, steps):
    for _ in range(steps):
        B[1:-1] = (A[:-2] + A[1:-1] + A[2:]) / 3.0
        A[1:-1] = (B[:-2] + B[1:-1] + B[2:]) / 3.0


@kernel(
    lambda n: dict(A=normal(n, n), B=normal(n, n, seed=1), steps=2),
    wrt="A B",
    writes="A B",
    sizes=(5, 150),
    linear=True,
)
def jacobi_2d(A, B, steps):
    for _ in range(1, steps + 1):
        B[1:-1, 1:-1] = 0.2 * (A[1:-1, 1:-1] + A[1:-1, :-2] + A[1:-1, 2:] + A[2:, 1:-1] + A[:-2, 1:-1])
        A[1:-1, 1:-1] = 0.2 * (B[1:-1, 1:-1] + B[1:-1, :-2] + B[1:-1, 2:] + B[2:, 1:-1] + B[:-2, 1:-1])


@kernel(lambda n: dict(A=normal(n, n), steps=3), wrt="A", returns=1, sizes=(5, 150), linear=True)
def jacobi_with_swap(A, steps):
    old = A.copy()
    new = A.copy()
    for _ in range(steps):
        new[1:-1, 1:-1] = 0.25 * (old[:-2, 1:-1] + old[2:, 1:-1] + old[1:-1, :-2] + old[1:-1, 2:])
        old, new = new, old
    return old


@kernel(lambda n: dict(A=normal(n, n), steps=2), wrt="A", writes="A", sizes=(5, 16), linear=True)
def seidel_2d(A, steps):
    n = A.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            for j in range(1, n - 1):
                A[i, j] = (
                    A[i - 1, j - 1] + A[i - 1, j] + A[i - 1, j + 1] + A[i, j - 1] + A[i, j]
                    + A[i, j + 1] + A[i + 1, j - 1] + A[i + 1, j] + A[i + 1, j + 1]
                ) / 9.0  # fmt: skip


@kernel(lambda n: dict(A=normal(n, n), steps=2), wrt="A", writes="A", sizes=(5, 24), linear=True)
def seidel_2d_by_rows(A, steps):
    n = A.shape[0]
    for _ in range(steps):
        for i in range(1, n - 1):
            A[i, 1:-1] += A[i - 1, :-2] + A[i - 1, 1:-1] + A[i - 1, 2:]
            A[i, 1:-1] += A[i, 2:] + A[i + 1, :-2] + A[i + 1, 1:-1] + A[i + 1, 2:]
            for j in range(1, n - 1):
                A[i, j] += A[i, j - 1]
                A[i, j] /= 9.0


@kernel(
    lambda n: dict(u=normal(n, n), f=normal(n, n, seed=1), steps=2), wrt="u f", writes="u", sizes=(6, 100), linear=True
)
def red_black(u, f, steps):
    for _ in range(steps):
        for first in (1, 2):
            u[first:-1:2, 1:-1] = 0.5 * (u[first - 1 : -2 : 2, 1:-1] + u[first + 1 :: 2, 1:-1] - f[first:-1:2, 1:-1])
            u[-2 : first - 1 : -2, 1] *= 0.9


@kernel(
    lambda n: dict(A=normal(n, n, n), B=normal(n, n, n, seed=1), steps=2),
    wrt="A B",
    writes="A B",
    sizes=(4, 24),
    linear=True,
)
def heat_3d(A, B, steps):
    for _ in range(steps):
        B[1:-1, 1:-1, 1:-1] = (
            0.125 * (A[2:, 1:-1, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[:-2, 1:-1, 1:-1])
            + 0.125 * (A[1:-1, 2:, 1:-1] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[1:-1, :-2, 1:-1])
            + 0.125 * (A[1:-1, 1:-1, 2:] - 2.0 * A[1:-1, 1:-1, 1:-1] + A[1:-1, 1:-1, :-2])
            + A[1:-1, 1:-1, 1:-1]
        )
        A[1:-1, 1:-1, 1:-1] = (
            0.125 * (B[2:, 1:-1, 1:-1] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[:-2, 1:-1, 1:-1])
            + 0.125 * (B[1:-1, 2:, 1:-1] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[1:-1, :-2, 1:-1])
            + 0.125 * (B[1:-1, 1:-1, 2:] - 2.0 * B[1:-1, 1:-1, 1:-1] + B[1:-1, 1:-1, :-2])
            + B[1:-1, 1:-1, 1:-1]
        )


@kernel(
    lambda n: dict(ex=normal(n, n + 1), ey=normal(n, n + 1, seed=1), hz=normal(n, n + 1, seed=2), pulse=normal(3)),
    wrt="ex ey hz pulse",
    writes="ex ey hz",
    sizes=(4, 120),
    linear=True,
)
def fdtd_2d(ex, ey, hz, pulse):
    for t in range(pulse.size):
        ey[0, :] = pulse[t]
        ey[1:, :] -= 0.5 * (hz[1:, :] - hz[:-1, :])
        ex[:, 1:] -= 0.5 * (hz[:, 1:] - hz[:, :-1])
        hz[:-1, :-1] -= 0.7 * (ex[:-1, 1:] - ex[:-1, :-1] + ey[1:, :-1] - ey[:-1, :-1])


@kernel(lambda n: dict(u=normal(n, n), steps=2), wrt="u", writes="u", sizes=(5, 60))
def adi(u, steps):
    n = u.shape[0]
    v, p, q = np.zeros_like(u), np.zeros_like(u), np.zeros_like(u)
    mul1 = 2.0 / steps * (n * n) / 50.0
    mul2 = 1.0 / steps * (n * n) / 50.0
    a, b = -mul1 / 2.0, 1.0 + mul1
    d, e = -mul2 / 2.0, 1.0 + mul2
    c, f = a, d
    for _ in range(steps):
        v[0, 1:-1] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = v[0, 1:-1]
        for j in range(1, n - 1):
            p[1:-1, j] = -c / (a * p[1:-1, j - 1] + b)
            q[1:-1, j] = (
                -d * u[j, :-2] + (1.0 + 2.0 * d) * u[j, 1:-1] - f * u[j, 2:] - a * q[1:-1, j - 1]
            ) / (a * p[1:-1, j - 1] + b)  # fmt: skip
        v[n - 1, 1:-1] = 1.0
        for j in range(n - 2, 0, -1):
            v[j, 1:-1] = p[1:-1, j] * v[j + 1, 1:-1] + q[1:-1, j]
        u[1:-1, 0] = 1.0
        p[1:-1, 0] = 0.0
        q[1:-1, 0] = u[1:-1, 0]
        for j in range(1, n - 1):
            p[1:-1, j] = -f / (d * p[1:-1, j - 1] + e)
            q[1:-1, j] = (
                -a * v[:-2, j] + (1.0 + 2.0 * a) * v[1:-1, j] - c * v[2:, j] - d * q[1:-1, j - 1]
            ) / (d * p[1:-1, j - 1] + e)  # fmt: skip
        u[1:-1, n - 1] = 1.0
        for j in range(n - 2, 0, -1):
            u[1:-1, j] = p[1:-1, j] * u[1:-1, j + 1] + q[1:-1, j]


@kernel(
    lambda n: dict(field=normal(n + 4, n + 4, 3), out=unset(n, n, 3), coeff=positive(n, n, 3)),
    wrt="field coeff",
    writes="out",
    sizes=(3, 48),
)
def hdiff(field, out, coeff):
    rows, columns = out.shape[0], out.shape[1]
    inner = field[1 : rows + 3, 1 : columns + 3, :]
    lap = 4.0 * inner - (
        field[2 : rows + 4, 1 : columns + 3, :] + field[: rows + 2, 1 : columns + 3, :]
        + field[1 : rows + 3, 2 : columns + 4, :] + field[1 : rows + 3, : columns + 2, :]
    )  # fmt: skip
    flux = lap[1:, 1 : columns + 1, :] - lap[:-1, 1 : columns + 1, :]
    slope = field[2 : rows + 3, 2 : columns + 2, :] - field[1 : rows + 2, 2 : columns + 2, :]
    flx = np.where(flux * slope > 0, 0.0, flux)
    flux = lap[1 : rows + 1, 1:, :] - lap[1 : rows + 1, :-1, :]
    slope = field[2 : rows + 2, 2 : columns + 3, :] - field[2 : rows + 2, 1 : columns + 2, :]
    fly = np.where(flux * slope > 0, 0.0, flux)
    out[:, :, :] = field[2 : rows + 2, 2 : columns + 2, :] - coeff * (
        flx[1:, :, :] - flx[:-1, :, :] + fly[:, 1:, :] - fly[:, :-1, :]
    )


@kernel(
    lambda n: dict(
        u=normal(n, n, 4),
        stage=np.zeros((n, n, 4)),
        wcon=normal(n + 1, n, 4) / 3,
        pos=normal(n, n, 4, seed=1),
        tens=normal(n, n, 4, seed=2),
        dt=3.0,
    ),
    wrt="u wcon pos tens dt",
    writes="stage",
    sizes=(2, 30),
)
def vertical_advection(u, stage, wcon, pos, tens, dt):
    depth = u.shape[2]
    ccol = np.empty(u.shape, dtype=u.dtype)
    dcol = np.empty(u.shape, dtype=u.dtype)
    rate = 1.0 / dt
    for k in range(depth):
        if k > 0:
            gav = -0.25 * (wcon[1:, :, k] + wcon[:-1, :, k])
        if k < depth - 1:
            gcv = 0.25 * (wcon[1:, :, k + 1] + wcon[:-1, :, k + 1])
        if k == 0:
            cs = gcv * 0.3
            ccol[:, :, k] = gcv * 0.7
            bcol = rate - ccol[:, :, k]
            correction = -cs * (u[:, :, k + 1] - u[:, :, k])
            dcol[:, :, k] = rate * pos[:, :, k] + tens[:, :, k] + correction
            divided = 1.0 / bcol
        elif k < depth - 1:
            as_ = gav * 0.3
            cs = gcv * 0.3
            acol = gav * 0.7
            ccol[:, :, k] = gcv * 0.7
            bcol = rate - acol - ccol[:, :, k]
            correction = -as_ * (u[:, :, k - 1] - u[:, :, k]) - cs * (u[:, :, k + 1] - u[:, :, k])
            dcol[:, :, k] = rate * pos[:, :, k] + tens[:, :, k] + correction
            divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
            dcol[:, :, k] -= dcol[:, :, k - 1] * acol
        else:
            as_ = gav * 0.3
            acol = gav * 0.7
            bcol = rate - acol
            correction = -as_ * (u[:, :, k - 1] - u[:, :, k])
            dcol[:, :, k] = rate * pos[:, :, k] + tens[:, :, k] + correction
            divided = 1.0 / (bcol - ccol[:, :, k - 1] * acol)
            dcol[:, :, k] -= dcol[:, :, k - 1] * acol
        if k < depth - 1:
            ccol[:, :, k] *= divided
        dcol[:, :, k] *= divided
    datacol = np.empty(u.shape[:2], dtype=u.dtype)
    for k in range(depth - 1, -1, -1):
        if k == depth - 1:
            datacol[:] = dcol[:, :, k]
        else:
            datacol[:] = dcol[:, :, k] - ccol[:, :, k] * datacol
        stage[:, :, k] = rate * (datacol - pos[:, :, k])


def flow_source(b, rho, dt, u, v, dx, dy):
    b[1:-1, 1:-1] = rho * (
        1 / dt * ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx) + (v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy))
        - ((u[1:-1, 2:] - u[1:-1, :-2]) / (2 * dx)) ** 2
        - 2 * (u[2:, 1:-1] - u[:-2, 1:-1]) / (2 * dy) * (v[1:-1, 2:] - v[1:-1, :-2]) / (2 * dx)
        - ((v[2:, 1:-1] - v[:-2, 1:-1]) / (2 * dy)) ** 2
    )


def flow_pressure(p, dx, dy, b, rounds):
    for _ in range(rounds):
        pn = p.copy()
        p[1:-1, 1:-1] = (
            (pn[1:-1, 2:] + pn[1:-1, :-2]) * dy**2
            + (pn[2:, 1:-1] + pn[:-2, 1:-1]) * dx**2
            - dx**2 * dy**2 * b[1:-1, 1:-1]
        ) / (2 * (dx**2 + dy**2))
        p[:, -1] = p[:, -2]
        p[0, :] = p[1, :]
        p[:, 0] = p[:, 1]
        p[-1, :] = 0


@kernel(
    lambda n: dict(
        u=normal(n, n) / 10,
        v=normal(n, n, seed=1) / 10,
        p=normal(n, n, seed=2) / 10,
        rho=1.1,
        nu=0.1,
        dt=0.01,
        dx=0.5,
        dy=0.4,
        steps=2,
        rounds=3,
    ),
    wrt="u v p rho nu",
    writes="u v p",
    sizes=(5, 60),
)
def cavity_flow(u, v, p, rho, nu, dt, dx, dy, steps, rounds):
    b = np.zeros_like(u)
    for _ in range(steps):
        un = u.copy()
        vn = v.copy()
        flow_source(b, rho, dt, u, v, dx, dy)
        flow_pressure(p, dx, dy, b, rounds)
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (un[1:-1, 1:-1] - un[:-2, 1:-1])
            - dt / (2 * rho * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
            + nu * (dt / dx**2 * (un[1:-1, 2:] - 2 * un[1:-1, 1:-1] + un[1:-1, :-2])
                    + dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[:-2, 1:-1]))
        )  # fmt: skip
        v[1:-1, 1:-1] = (
            vn[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (vn[1:-1, 1:-1] - vn[1:-1, :-2])
            - vn[1:-1, 1:-1] * dt / dy * (vn[1:-1, 1:-1] - vn[:-2, 1:-1])
            - dt / (2 * rho * dy) * (p[2:, 1:-1] - p[:-2, 1:-1])
            + nu * (dt / dx**2 * (vn[1:-1, 2:] - 2 * vn[1:-1, 1:-1] + vn[1:-1, :-2])
                    + dt / dy**2 * (vn[2:, 1:-1] - 2 * vn[1:-1, 1:-1] + vn[:-2, 1:-1]))
        )  # fmt: skip
        u[0, :] = 0
        u[:, 0] = 0
        u[:, -1] = 0
        u[-1, :] = 1
        v[0, :] = v[-1, :] = 0
        v[:, 0] = v[:, -1] = 0


@kernel(
    lambda n: dict(
        u=normal(n, n) / 10, p=normal(n, n, seed=2) / 10, force=1.0, nu=0.1, dt=0.01, dx=0.5, dy=0.4, rounds=3
    ),
    wrt="u p force nu",
    writes="u p",
    sizes=(5, 60),
)
def channel_flow(u, p, force, nu, dt, dx, dy, rounds):
    change, passes = 1.0, 0
    while change > 1e-4 and passes < 4:
        un = u.copy()
        for _ in range(rounds):
            pn = p.copy()
            p[1:-1, 1:-1] = 0.25 * (
                pn[1:-1, 2:] + pn[1:-1, :-2] + pn[2:, 1:-1] + pn[:-2, 1:-1] - dx * dy * un[1:-1, 1:-1]
            )
            p[1:-1, -1] = 0.25 * (pn[1:-1, 0] + pn[1:-1, -2] + pn[2:, -1] + pn[:-2, -1])
            p[1:-1, 0] = 0.25 * (pn[1:-1, 1] + pn[1:-1, -1] + pn[2:, 0] + pn[:-2, 0])
            p[-1, :] = p[-2, :]
            p[0, :] = p[1, :]
        u[1:-1, 1:-1] = (
            un[1:-1, 1:-1]
            - un[1:-1, 1:-1] * dt / dx * (un[1:-1, 1:-1] - un[1:-1, :-2])
            - dt / (2 * dx) * (p[1:-1, 2:] - p[1:-1, :-2])
            + nu * dt / dy**2 * (un[2:, 1:-1] - 2 * un[1:-1, 1:-1] + un[:-2, 1:-1])
            + force * dt
        )
        u[1:-1, -1] = un[1:-1, -1] - un[1:-1, -1] * dt / dx * (un[1:-1, -1] - un[1:-1, -2]) + force * dt
        u[1:-1, 0] = un[1:-1, 0] - un[1:-1, 0] * dt / dx * (un[1:-1, 0] - un[1:-1, -1]) + force * dt
        u[0, :] = 0
        u[-1, :] = 0
        change = np.abs(np.sum(u) - np.sum(un)) / np.abs(np.sum(u))
        passes += 1


@kernel(lambda n: dict(u=normal(n), c=positive(n), steps=4), wrt="u c", returns=1, sizes=(6, 2000))
def leapfrog_wave(u, c, steps):
    past, now, after = u.copy(), u.copy(), np.empty_like(u)
    for _ in range(steps):
        after[0] = after[-1] = 0.0
        after[1:-1] = 2 * now[1:-1] - past[1:-1] + 0.1 * c[1:-1] ** 2 * (now[2:] - 2 * now[1:-1] + now[:-2])
        past, now, after = now, after, past
    return now


@kernel(lambda n: dict(u=positive(n), steps=3), wrt="u", writes="u", sizes=(6, 4000))
def burgers_upwind(u, steps):
    flux = np.empty_like(u)
    for _ in range(steps):
        np.multiply(u, u, out=flux)
        flux *= 0.5
        u[1:] -= 0.1 * (flux[1:] - flux[:-1])
        u[0] = u[-1]


def smooth(u, f, h):
    u[1:-1] += 0.4 * (u[:-2] - 2 * u[1:-1] + u[2:] - h * h * f[1:-1])


def v_cycle(u, f, h):
    smooth(u, f, h)
    if u.size > 3:
        residual = np.zeros_like(u)
        residual[1:-1] = f[1:-1] - (u[:-2] - 2 * u[1:-1] + u[2:]) / (h * h)
        coarse = np.zeros_like(u[::2])
        v_cycle(coarse, residual[::2].copy(), 2 * h)
        u[::2] += coarse
        u[1::2] += 0.5 * (coarse[:-1] + coarse[1:])
    smooth(u, f, h)


@kernel(lambda n: dict(u=normal(n), f=normal(n, seed=1), h=0.3), wrt="u f h", writes="u", sizes=(9, 1025))
def multigrid(u, f, h):
    v_cycle(u, f, h)
    v_cycle(u, f, h)
