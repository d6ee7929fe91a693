"""Work arrays: an array that is no result, and that nothing varied is written into, changes while it is used.

The ways of changing it are many; for each, what was multiplied with its old values needs them on the way back, and the
caller must find his array as it was.
"""

import numpy as np

from tests.kernels import kernel, normal


def changing_work_array(fun):
    return kernel(
        lambda n: dict(v=normal(n), c=normal(n, seed=1)), wrt="v", writes="c", results="", returns=1, sizes=(4, 4)
    )(fun)


def bump(a, i):
    a[i] += 0.5


def bumped(a, i):
    a[i] += 0.5
    return a[i]


@changing_work_array
def work_array_by_out(v, c):
    total = 0.0
    for i in range(3):
        np.add(c, 0.5 * i, out=c)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_out_of_a_product(v, c):
    total = 0.0
    for _ in range(3):
        np.dot(np.diag(c), c, out=c)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_view(v, c):
    total = 0.0
    for i in range(3):
        head = c[:2]
        head += i
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_view_made_before(v, c):
    total = 0.0
    head = c[:2]
    for i in range(3):
        head += i
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_slice_of_a_view(v, c):
    total = 0.0
    for i in range(3):
        head = c[:2]
        head[:] = i
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_slice_of_a_view_made_before(v, c):
    total = 0.0
    head = c[:2]
    for i in range(3):
        head[:] = i
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_alias(v, c):
    total = 0.0
    for i in range(3):
        same = c
        same[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_helper(v, c):
    total = 0.0
    for i in range(3):
        bump(c, i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_helper_with_result(v, c):
    total = 0.0
    for i in range(3):
        total = total + bumped(c, i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_nested_function(v, c):
    def put(i):
        c[i] = 0.5

    total = 0.0
    for i in range(3):
        put(i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_add_at(v, c):
    total = 0.0
    for i in range(3):
        np.add.at(c, [i, i], 0.5)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_transpose(v, c):
    total = 0.0
    for i in range(3):
        c.T[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_flat(v, c):
    total = 0.0
    for i in range(3):
        c.flat[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_ravel(v, c):
    total = 0.0
    for i in range(3):
        np.ravel(c)[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_reshape(v, c):
    total = 0.0
    for i in range(3):
        c.reshape(2, 2)[0, :] = i
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_view_of_an_expression(v, c):
    total = 0.0
    for i in range(3):
        c[1:][i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_sort(v, c):
    total = 0.0
    for _ in range(3):
        c[0] += 2.0
        c.sort()
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_fill(v, c):
    total = 0.0
    for i in range(3):
        c.fill(0.3 * i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_copyto(v, c):
    total = 0.0
    for i in range(3):
        np.copyto(c, 0.3 * i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_put(v, c):
    total = 0.0
    for i in range(3):
        np.put(c, [i], 0.5)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_put_method(v, c):
    total = 0.0
    for i in range(3):
        c.put([i], 0.5)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_mask(v, c):
    total = 0.0
    for i in range(3):
        c[c < 0.1 * i] = 0.2
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_indices(v, c):
    total = 0.0
    for i in range(3):
        c[[i, 0]] = c[[0, i]] + 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_swap(v, c):
    total = 0.0
    for i in range(3):
        c[i], c[i + 1] = c[i + 1], c[i] + 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_augmented(v, c):
    total = 0.0
    for _ in range(3):
        c *= 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_item(v, c):
    total = 0.0
    for i in range(3):
        c[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_slice(v, c):
    total = 0.0
    for i in range(3):
        c[: i + 1] -= c[i : 2 * i + 1].mean()
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_loop_over_a_tuple(v, c):
    total = 0.0
    for i in range(3):
        for row in (c,):
            row[i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_list(v, c):
    total = 0.0
    for i in range(3):
        box = [c]
        box[0][i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_dictionary(v, c):
    total = 0.0
    for i in range(3):
        box = {"c": c}
        box["c"][i] = 0.5
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_two_names(v, c):
    total = 0.0
    for _ in range(3):
        a, b = c[:2], c[2:]
        a[:], b[:] = b + 0.5, a.copy()
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_fill_diagonal(v, c):
    total = 0.0
    for i in range(3):
        np.fill_diagonal(c.reshape(2, 2), 0.5 * i)
        total = total + np.sum(np.exp(c * v))
    return total


@changing_work_array
def work_array_by_conditional_alias(v, c):
    total = 0.0
    for i in range(3):
        same = c if i else c[1:]
        same[0] += 0.5
        total = total + np.sum(np.exp(c * v))
    return total
