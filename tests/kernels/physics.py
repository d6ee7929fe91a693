"""Particles, orbits, transport, and formulas over arrays."""

import numpy as np

from tests.kernels import kernel, normal, positive, unset


def acceleration(pos, mass, g, softening):
    x, y, z = pos[:, 0:1], pos[:, 1:2], pos[:, 2:3]
    dx, dy, dz = x.T - x, y.T - y, z.T - z
    inverse = (dx**2 + dy**2 + dz**2 + softening**2) ** (-1.5)
    acc = np.empty_like(pos)
    acc[:, 0] = g * (dx * inverse) @ mass
    acc[:, 1] = g * (dy * inverse) @ mass
    acc[:, 2] = g * (dz * inverse) @ mass
    return acc


@kernel(
    lambda n: dict(mass=positive(n), pos=normal(n, 3), vel=normal(n, 3, seed=1), dt=0.02, steps=3),
    wrt="mass pos vel dt",
    writes="pos vel",
    sizes=(4, 40),
)
def nbody(mass, pos, vel, dt, steps):
    acc = acceleration(pos, mass, 1.0, 0.3)
    for _ in range(steps):
        vel += acc * dt / 2.0
        pos += vel * dt
        acc[:] = acceleration(pos, mass, 1.0, 0.3)
        vel += acc * dt / 2.0


@kernel(
    lambda n: dict(mass=positive(n), pos=normal(n, 3), vel=normal(n, 3, seed=1), dt=0.02, steps=2),
    wrt="mass pos vel",
    writes="pos vel",
    returns=1,
    sizes=(3, 5),
)
def nbody_by_pairs(mass, pos, vel, dt, steps):
    n = len(mass)
    energy = 0.0
    for _ in range(steps):
        for i in range(n):
            for j in range(i + 1, n):
                d = pos[i] - pos[j]
                r2 = np.dot(d, d) + 0.1
                magnitude = dt / (r2 * np.sqrt(r2))
                vel[i] -= d * mass[j] * magnitude
                vel[j] += d * mass[i] * magnitude
        for i in range(n):
            pos[i] += dt * vel[i]
            energy += 0.5 * mass[i] * np.dot(vel[i], vel[i])
    return energy


@kernel(
    lambda n: dict(cr=normal(n) / 4, ci=normal(n, seed=1) / 4, size=unset(n), steps=4),
    wrt="cr ci",
    writes="size",
    sizes=(4, 2000),
)
def mandelbrot_orbit(cr, ci, size, steps):
    zr = np.zeros_like(cr)
    zi = np.zeros_like(ci)
    size[:] = 0.0
    for _ in range(steps):
        square = zr * zr - zi * zi
        zi *= 2 * zr
        zi += ci
        np.add(square, cr, out=zr)
        size += np.log(1.0 + zr * zr + zi * zi)


@kernel(
    lambda n: dict(
        neighbours=np.random.default_rng(5).integers(0, n, (n, 2)),
        dH=normal(n, 2, 2, 3, 3),
        G=normal(2, 3, n, 3, 3),
        D=normal(2, 2, n, 2, 2, 2),
        Sigma=np.zeros((2, 3, n, 3, 3)),
    ),
    wrt="dH G D",
    writes="Sigma",
    sizes=(2, 4),
    linear=True,
)
def scattering_self_energies(neighbours, dH, G, D, Sigma):
    for k in range(G.shape[0]):
        for e in range(G.shape[1]):
            for q in range(D.shape[0]):
                for w in range(D.shape[1]):
                    if e - w < 0:
                        continue
                    for a in range(neighbours.shape[0]):
                        for b in range(neighbours.shape[1]):
                            for i in range(D.shape[-2]):
                                left = G[k - q, e - w, neighbours[a, b]] @ dH[a, b, i]
                                right = np.einsum("j,jxy->xy", D[q, w, a, b, i], dH[a, b])
                                Sigma[k, e, a] += left @ right


@kernel(
    lambda n: dict(
        theta_1=normal(n), phi_1=normal(n, seed=1), theta_2=normal(n, seed=2), phi_2=normal(n, seed=3), out=unset(n)
    ),
    wrt="theta_1 phi_1 theta_2 phi_2",
    writes="out",
    sizes=(4, 2000),
)
def arc_distance(theta_1, phi_1, theta_2, phi_2, out):
    temp = np.sin((theta_2 - theta_1) / 2) ** 2
    temp += np.cos(theta_1) * np.cos(theta_2) * np.sin((phi_2 - phi_1) / 2) ** 2
    np.arctan2(np.sqrt(temp), np.sqrt(1 - temp), out=out)
    out *= 2.0


@kernel(
    lambda n: dict(x=3 * normal(n, n), y=normal(n, n, seed=1), a=4.0, b=3.0, c=9.0, out=unset(n, n)),
    wrt="x y a b c",
    writes="out",
    sizes=(4, 100),
)
def compute(x, y, a, b, c, out):
    np.clip(x, -2.0, 2.5, out=out)
    out *= a
    out += y * b
    out += c


@kernel(lambda n: dict(a=normal(n, n)), wrt="a", writes="a", sizes=(4, 100))
def go_fast(a):
    trace = 0.0
    for i in range(a.shape[0]):
        trace += np.tanh(a[i, i])
    a += trace


@kernel(
    lambda n: dict(y=positive(2, n), rates=positive(4) / 3, h=0.1, steps=3),
    wrt="y rates h",
    writes="y",
    sizes=(3, 500),
)
def runge_kutta(y, rates, h, steps):
    k = np.empty((4, *y.shape), dtype=y.dtype)
    for _ in range(steps):
        for stage, step in enumerate((0.0, 0.5, 0.5, 1.0)):
            at = y if stage == 0 else y + step * h * k[stage - 1]
            prey, hunter = at
            slope = k[stage]
            slope[0] = rates[0] * prey - rates[1] * prey * hunter
            slope[1] = rates[2] * prey * hunter - rates[3] * hunter
        y += h / 6 * (k[0] + 2 * k[1] + 2 * k[2] + k[3])


@kernel(lambda n: dict(f=positive(9, n, n), omega=1.2, steps=2), wrt="f omega", writes="f", sizes=(3, 30))
def lattice_boltzmann(f, omega, steps):
    cx = [0, 1, 0, -1, 0, 1, -1, -1, 1]
    cy = [0, 0, 1, 0, -1, 1, 1, -1, -1]
    w = [4 / 9] + [1 / 9] * 4 + [1 / 36] * 4
    for _ in range(steps):
        for i in range(9):
            f[i] = np.roll(np.roll(f[i], cx[i], axis=0), cy[i], axis=1)
        rho = np.sum(f, axis=0)
        ux = (f[1] - f[3] + f[5] - f[6] - f[7] + f[8]) / rho
        uy = (f[2] - f[4] + f[5] + f[6] - f[7] - f[8]) / rho
        for i in range(9):
            cu = cx[i] * ux + cy[i] * uy
            equal = w[i] * rho * (1 + 3 * cu + 4.5 * cu**2 - 1.5 * (ux**2 + uy**2))
            f[i] += omega * (equal - f[i])


@kernel(
    lambda n: dict(s=positive(n), k=1.1, r=0.05, sigma=0.3, steps=6, out=unset(n)),
    wrt="s k r sigma",
    writes="out",
    sizes=(3, 300),
)
def binomial_option(s, k, r, sigma, steps, out):
    dt = 1.0 / steps
    up = np.exp(sigma * np.sqrt(dt))
    p = (np.exp(r * dt) - 1 / up) / (up - 1 / up)
    value = np.empty((steps + 1, s.size), dtype=s.dtype)
    for i in range(steps + 1):
        value[i] = np.log(1 + np.exp(8 * (k - s * up ** (2.0 * i - steps)))) / 8
    for j in range(steps, 0, -1):
        value[:j] = np.exp(-r * dt) * (p * value[1 : j + 1] + (1 - p) * value[:j])
    out[...] = value[0]


@kernel(
    lambda n: dict(x=normal(4), P=np.eye(4), F=np.eye(4) + normal(4, 4) / 9, z=normal(n, 2), noise=0.3),
    wrt="x P F z noise",
    writes="x P",
    returns=1,
    sizes=(3, 30),
)
def kalman_filter(x, P, F, z, noise):
    H = np.zeros((2, 4))
    H[0, 0] = H[1, 1] = 1.0
    path = []
    for k in range(len(z)):
        x[:] = F @ x
        P[:] = F @ P @ F.T
        P[np.diag_indices(4)] += noise
        S = H @ P @ H.T + np.eye(2)
        K = np.linalg.solve(S, H @ P).T
        x += K @ (z[k] - H @ x)
        P -= K @ H @ P
        path.append(x.copy())
    return np.array(path)
