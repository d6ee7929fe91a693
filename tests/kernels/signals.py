"""Statistics, filters, transforms and images."""

import numpy as np

from tests.kernels import kernel, normal, positive


@kernel(lambda n: dict(data=normal(n + 3, n)), wrt="data", writes="data", returns=1, sizes=(4, 60))
def correlation(data):
    rows, columns = data.shape
    mean = np.mean(data, axis=0)
    stddev = np.std(data, axis=0)
    stddev[stddev <= 0.1] = 1.0
    data -= mean
    data /= np.sqrt(rows) * stddev
    corr = np.eye(columns, dtype=data.dtype)
    for i in range(columns - 1):
        corr[i + 1 :, i] = corr[i, i + 1 :] = data[:, i] @ data[:, i + 1 :]
    return corr


@kernel(lambda n: dict(data=normal(n + 3, n)), wrt="data", writes="data", returns=1, sizes=(4, 60))
def covariance(data):
    rows, columns = data.shape
    mean = np.mean(data, axis=0)
    data -= mean
    cov = np.zeros((columns, columns), dtype=data.dtype)
    for i in range(columns):
        cov[i:, i] = data[:, i] @ data[:, i:] / (rows - 1.0)
        cov[i, i:] = cov[i:, i]
    return cov


@kernel(lambda n: dict(alpha=0.25, image=positive(n, n + 1)), wrt="alpha image", returns=1, sizes=(5, 60))
def deriche(alpha, image):
    k = (1 - np.exp(-alpha)) ** 2 / (1 + 2 * alpha * np.exp(-alpha) - np.exp(2 * alpha))
    a1 = a5 = k
    a2 = a6 = k * np.exp(-alpha) * (alpha - 1.0)
    a3 = a7 = k * np.exp(-alpha) * (alpha + 1.0)
    a4 = a8 = -k * np.exp(-2.0 * alpha)
    b1 = 2.0 ** (-alpha)
    b2 = -np.exp(-2.0 * alpha)
    y1 = np.empty_like(image)
    y2 = np.empty_like(image)
    y1[:, 0] = a1 * image[:, 0]
    y1[:, 1] = a1 * image[:, 1] + a2 * image[:, 0] + b1 * y1[:, 0]
    for j in range(2, image.shape[1]):
        y1[:, j] = a1 * image[:, j] + a2 * image[:, j - 1] + b1 * y1[:, j - 1] + b2 * y1[:, j - 2]
    y2[:, -1] = 0.0
    y2[:, -2] = a3 * image[:, -1]
    for j in range(image.shape[1] - 3, -1, -1):
        y2[:, j] = a3 * image[:, j + 1] + a4 * image[:, j + 2] + b1 * y2[:, j + 1] + b2 * y2[:, j + 2]
    out = y1 + y2
    y1[0, :] = a5 * out[0, :]
    y1[1, :] = a5 * out[1, :] + a6 * out[0, :] + b1 * y1[0, :]
    for i in range(2, image.shape[0]):
        y1[i, :] = a5 * out[i, :] + a6 * out[i - 1, :] + b1 * y1[i - 1, :] + b2 * y1[i - 2, :]
    y2[-1, :] = 0.0
    y2[-2, :] = a7 * out[-1, :]
    for i in range(image.shape[0] - 3, -1, -1):
        y2[i, :] = a7 * out[i + 1, :] + a8 * out[i + 2, :] + b1 * y2[i + 1, :] + b2 * y2[i + 2, :]
    out[:] = y1 + y2
    return out


@kernel(lambda n: dict(path=positive(n, n)), wrt="path", writes="path", sizes=(5, 60))
def floyd_warshall(path):
    for k in range(path.shape[0]):
        path[:] = np.minimum(path[:], np.add.outer(path[:, k], path[k, :]))


@kernel(lambda n: dict(path=positive(n, n)), wrt="path", writes="path", sizes=(4, 10))
def floyd_warshall_by_loops(path):
    n = len(path)
    for k in range(n):
        for i in range(n):
            for j in range(n):
                if path[i, k] + path[k, j] < path[i, j]:
                    path[i, j] = path[i, k] + path[k, j]


@kernel(
    lambda n: dict(re=normal(n), im=normal(n, seed=1)),
    wrt="re im",
    writes="re im",
    results="",
    returns=2,
    sizes=(8, 256),
    linear=True,
)
def fft_by_stages(re, im):
    other_re, other_im = np.empty_like(re), np.empty_like(im)
    length, stride = re.size, 1
    while length > 1:
        half = length // 2
        for p in range(half):
            wr = np.cos(2 * np.pi * p / length)
            wi = -np.sin(2 * np.pi * p / length)
            low = slice(stride * p, stride * (p + 1))
            high = slice(stride * (p + half), stride * (p + half + 1))
            dr, di = re[low] - re[high], im[low] - im[high]
            other_re[stride * 2 * p : stride * (2 * p + 1)] = re[low] + re[high]
            other_im[stride * 2 * p : stride * (2 * p + 1)] = im[low] + im[high]
            other_re[stride * (2 * p + 1) : stride * (2 * p + 2)] = dr * wr - di * wi
            other_im[stride * (2 * p + 1) : stride * (2 * p + 2)] = dr * wi + di * wr
        re, other_re = other_re, re
        im, other_im = other_im, im
        length, stride = half, 2 * stride
    return re, im


@kernel(lambda n: dict(re=normal(n), im=normal(n, seed=1)), wrt="re im", writes="re im", sizes=(8, 64), linear=True)
def fft_in_place(re, im):
    n = len(re)
    j = 0
    for i in range(1, n):
        bit = n >> 1
        while j & bit:
            j ^= bit
            bit >>= 1
        j |= bit
        if i < j:
            re[i], re[j] = re[j], re[i]
            im[i], im[j] = im[j], im[i]
    length = 2
    while length <= n:
        half = length // 2
        angle = -2 * np.pi * np.arange(half) / length
        wr, wi = np.cos(angle), np.sin(angle)
        for start in range(0, n, length):
            a_re, b_re = re[start : start + half], re[start + half : start + length]
            a_im, b_im = im[start : start + half], im[start + half : start + length]
            t_re = b_re * wr - b_im * wi
            t_im = b_re * wi + b_im * wr
            b_re[:] = a_re - t_re
            b_im[:] = a_im - t_im
            a_re += t_re
            a_im += t_im
        length *= 2


@kernel(lambda n: dict(x=normal(2 * n)), wrt="x", writes="x", sizes=(4, 256), linear=True)
def haar_lifting(x):
    s = x
    while s.size > 1:
        even, odd = s[::2], s[1::2]
        odd -= even
        even += 0.5 * odd
        s = even


@kernel(lambda n: dict(image=normal(n, n), taps=normal(3, 3)), wrt="image taps", returns=1, sizes=(5, 14), linear=True)
def convolution_by_loops(image, taps):
    rows, columns = image.shape[0] - 2, image.shape[1] - 2
    out = np.zeros((rows, columns), dtype=image.dtype)
    for i in range(rows):
        for j in range(columns):
            for a in range(3):
                for b in range(3):
                    out[i, j] += image[i + a, j + b] * taps[a, b]
    return out


@kernel(lambda n: dict(data=normal(4 * n), radius=positive(4 * n), bins=n), wrt="data", returns=1, sizes=(4, 60))
def azimint_hist(data, radius, bins):
    width = radius.max() / bins
    total = np.zeros(bins, dtype=data.dtype)
    count = np.zeros(bins)
    for i in range(data.size):
        k = min(int(radius[i] / width), bins - 1)
        total[k] += data[i]
        count[k] += 1
    return total / np.maximum(count, 1)


@kernel(lambda n: dict(data=normal(4 * n), radius=positive(4 * n), bins=n), wrt="data", returns=1, sizes=(4, 60))
def azimint_naive(data, radius, bins):
    result = np.zeros(bins, dtype=data.dtype)
    largest = radius.max()
    for i in range(bins):
        inside = np.logical_and(largest * i / bins <= radius, radius < largest * (i + 1) / bins)
        if inside.any():
            result[i] = data[inside].mean()
    return result


@kernel(
    lambda n: dict(x=normal(n), b=normal(3), a=normal(2) / 4, y=np.zeros(n)), wrt="x b a", writes="y", sizes=(7, 200)
)
def recursive_filter(x, b, a, y):
    for n in range(len(x)):
        y[n] = b[0] * x[n]
        for k in range(1, 3):
            if n >= k:
                y[n] += b[k] * x[n - k]
        if n > 0:
            y[n] -= a[0] * y[n - 1]
        if n > 1:
            y[n] -= a[1] * y[n - 2]


@kernel(lambda n: dict(image=normal(n, n + 1)), wrt="image", writes="image", sizes=(4, 150), linear=True)
def summed_area(image):
    for i in range(1, image.shape[0]):
        image[i] += image[i - 1]
    for j in range(1, image.shape[1]):
        image[:, j] += image[:, j - 1]


@kernel(lambda n: dict(cost=positive(n, n + 1), gamma=0.5), wrt="cost gamma", returns=1, sizes=(4, 16))
def soft_dtw(cost, gamma):
    rows, columns = cost.shape
    table = np.full((rows + 1, columns + 1), 1e3, dtype=cost.dtype)
    table[0, 0] = 0.0
    for i in range(1, rows + 1):
        for j in range(1, columns + 1):
            a, b, c = table[i - 1, j - 1], table[i - 1, j], table[i, j - 1]
            soft = -gamma * np.log(np.exp(-a / gamma) + np.exp(-b / gamma) + np.exp(-c / gamma))
            table[i, j] = cost[i - 1, j - 1] + soft
    return table[rows, columns]
