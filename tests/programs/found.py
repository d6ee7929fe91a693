"""Small programs that random ones were made into when srcad got them wrong, and what they share."""

# ruff: noqa: B007

from __future__ import annotations

import numpy as np

from tests.programs import normal, program

WEIGHTS = np.array([0.7, -1.2, 0.4, 0.9, -0.3, 1.1])
THREE = np.array([0.6, -0.4, 1.3])


def half(t):
    t /= 2.0
    return 0.5


@program((THREE,))
def a_write_in_a_condition(z):
    if half(z) > 0.3:
        pass
    return np.sum(z * z)


@program((0.8,))
def a_closure_writes_and_the_caller_overwrites(y):
    v = np.ones(3)
    w = np.zeros(3)

    def touch():
        v[:] *= 2.0
        w[0] = v[1] * y

    touch()
    v[1] = 5.0
    return w[0]


@program((0.8, 1.4))
def a_closure_reads_what_it_wrote(x, y):
    m = np.full(3, x)

    def touch():
        m[:] += 1.0
        return y * m[2]

    a = touch()
    m /= 2.0
    return a * a


@program((0.8, THREE))
def a_reshaped_operand_is_overwritten(y, z):
    v = np.full(3, y)
    w = v.reshape(1, 3) * z
    v[1] += y
    return np.sum(w)


@program((-0.6,))
def a_transposed_view_flattened(x):
    m = np.full((2, 3), x)
    g = m.T
    m[0, 1] = x * x
    return np.dot(g.ravel(), WEIGHTS)


@program((-0.6,))
def a_transposed_view_written(x):
    m = np.full((2, 3), x)
    g = np.transpose(m)
    g[0, 1] = x * x
    return np.dot(g.ravel(), WEIGHTS) + np.dot(m.ravel(), WEIGHTS)


@program((0.7,))
def augmented_through_a_reshaped_view(x):
    u = np.ones(4)
    m = u.reshape(2, 2)
    m[:, 1] *= x
    return np.sum(u * u)


@program((0.7, -0.2))
def an_array_in_a_list_counted_from_the_end(x, y):
    v = np.array([x, y])
    items = [y, v]
    v[1] = 0.5
    return np.sum(items[-1] * items[0])


@program((0.7, -0.2))
def update_takes_its_values_first(x, y):
    d = {"p": x, "q": 0.5}
    d.update({"p": y, "q": d["p"]})
    d.update(p=d["q"] * d["p"], q=d["p"] + 1.0)
    return d["q"] * d["p"]


@program((0.7,))
def a_loop_over_what_its_body_writes(y):
    u = np.zeros(3)
    for i, o in enumerate(u):
        u[:] = y + o * y
    for o in u:
        u[:] = y * y + o
    return u[0]


@program((0.7,))
def a_loop_over_a_list_that_its_body_writes(y):
    s = [0.0, 0.0, 0.0]
    for i, o in enumerate(s):
        s[2] += y * y + o
    return s[2]


@program((np.array([0.5, -0.25, 1.25]),))
def rows_added_at(z):
    m = np.ones((2, 3))
    np.add.at(m, [0, 1, 1], z)
    return np.sum(m * m)


@program((0.7, -0.2))
def a_list_that_nobody_reads(x, y):
    t = [0.5, x, y]
    t.append(x * y)
    s = [y, x, x]
    s.append(y)
    return x * y


@program((0.7, -0.2))
def a_list_set_anew_in_a_loop(x, y):
    t = [0.5, x, y]
    for a in t:
        t = [a * x]
    for k in range(3):
        t = [*t, t[0] * y, y]
    return sum(t) * t[-1]


def fold(t):
    if len(t) < 2:
        return
    t[1] += t[0] * t[1]
    fold(t[1:])


@program((THREE,))
def recursion_into_a_view(z):
    u = np.ones(4)
    fold(u)
    v = z.copy()
    fold(v)
    return np.sum(u[:3] * z * v)


@program((THREE, 0.3))
def numbers_drawn_and_shifted(z, a):
    old, new = z.copy(), np.zeros(3)
    for _ in range(3):
        new[1:] = old[:-1] * old[1:] + a
        new[0] = old[0]
        old, new = new, old
    return np.sum(old * new)


@program((0.3, 0.5), marks="refusable")
def an_array_in_a_list_of_arrays(x, y):
    u = np.array([y, x, y])
    items = [u[::-1], u]
    u[-3] += x * y
    return np.sum(items[-1] * items[0])


@program((0.3, 0.5), marks="refusable")
def an_array_in_a_list_that_grows(x, y):
    u = np.array([y, x, y])
    items = [u[::-1], u]
    items.append(u * y)
    u[0] += x * y
    return np.sum(items[1] * items[0])


@program((1.5,))
def functions_one_after_the_other(x):
    total = 0.0
    for f in (np.sin, lambda t: t * t, np.exp):
        total += f(x) * x
    return total + sum(g(x) for g in [lambda t: t * t, lambda t: t**3]) + max(x, -2 * x, key=abs)


def sorted_and_read(t, r):
    r.sort()
    t[:2] = r[2:] * r[1::-1]


@program((THREE,))
def one_array_for_two_parameters(z):
    u = np.concatenate([z, z[:1] * z[1:2]])
    sorted_and_read(u, u)
    return np.sum(u * u * WEIGHTS[:4])


@program((THREE, np.array([0, 1, 0])), wrt=(0,))
def an_index_that_its_own_write_changes(z, k):
    m = np.ones((2, 3))
    for u in m:
        m.T[k[2], -1] += z @ u[k]
        k[k[1]] = 0
        k[:] = k + 1
    return np.sum(m)


@program(([0.6, -1.1, 0.3],), marks="refusable")
def a_list_argument_that_is_popped(values):
    last = values.pop()
    values.pop()
    return last * values[0]


def filled(t, value):
    t[:] = value
    return t


@program((0.6, THREE))
def a_write_in_a_condition_in_a_loop(x, z):
    for k in range(3):
        if filled(z, x * z[k])[0] > 5.0:
            pass
    return np.sum(z)


def shifted_in_place(t, q):
    for i in range(len(t)):
        t[i] += q
    t[1::2] = 0.5


@program((0.5,))
def constants_that_a_helper_overwrites_in_a_loop(y):
    u = np.zeros(4)
    v = (np.ones((4, 4)) * y) @ u
    w = u * y
    shifted_in_place(u, u[2] + 1.0)
    return np.sum(v) + np.sum(w * u)


class Counter:
    def __init__(self):
        self.n, self.v = 1.0, np.ones(3)


def counted(c, items, d):
    for k in range(3):
        c.n += 1.0
        c.v[k] *= 2.0
        items[0] += 1.0
        d["a"] *= 2.0


@program((0.5,))
def constant_containers_that_a_helper_overwrites_in_a_loop(x):
    c, items, d = Counter(), [1.0, 2.0], {"a": 2.0}
    r = x * c.n * items[0] * d["a"] + np.sum(x * c.v)
    counted(c, items, d)
    return r * c.n * items[0] * d["a"]


@program((0.5, normal(4)), marks="refusable")
def an_array_in_a_list_that_is_then_named_otherwise(x, z):
    u = np.zeros(4)
    held = [u, u]
    u[-1] -= x
    for _ in range(3):
        u = z.copy()
    return np.sum(held[-1]) + np.sum(u)


@program((0.7, 0.6), marks="refusable")
def put_from_a_view_of_the_array(x, y):
    v = np.array([0.3, x, y, y])
    v.flat[[2, 0, 1]] = v[:-1]
    return np.dot(v, [1.0, 2.0, 3.0, 4.0])


@program((0.9,))
def an_item_that_is_multiplied_in_place_under_another_name(x):
    u = np.ones(4) * x
    held = [u, u * 2.0]
    held[0] *= x
    held[1] += u
    return np.sum(u * WEIGHTS[:4]) + held[1][2]


class Carrier:
    def __init__(self, v):
        self.v = v


@program((0.9,), marks="refusable")
def an_attribute_that_is_multiplied_in_place_under_another_name(x):
    u = np.ones(4) * x
    carrier = Carrier(u)
    carrier.v *= x
    return np.sum(u * WEIGHTS[:4])


def drained(t):
    t[:] = 0.1


def drained_by_another(t, q):
    drained(t)


@program((0.9,))
def a_loop_over_what_a_helper_in_it_overwrites(y):
    u = np.ones(4)
    total = 0.0
    for v in u:
        total += v * y
        drained_by_another(u, v)
    return total


@program((1.1, 0.8), marks="refusable")
def a_loop_over_a_part_of_a_list_of_what_is_then_overwritten(x, y):
    u = np.full(4, x)
    held = [np.zeros(4) for _ in range(2)]
    for w in held[:2]:
        u += w * u
    held[0][0] += y
    return np.sum(u) + held[0][0]


@program((THREE,), marks="first")
def an_item_that_is_replaced_after_it_was_changed(x):
    held = [x * 2.0, x * 3.0]
    s = np.sum(held[1] ** 2)
    held[1][0] = held[1][1] * held[0][2]
    s = s + np.sum(held[1] ** 3)
    held[1] = x * held[1]
    return s + np.sum(held[1])


def line_and_nothing(slope, intercept):
    def at(t):
        return slope * t + intercept

    return at, ()


@program((1.5, 0.5))
def a_nested_function_in_a_tuple(x, y):
    at, _ = line_and_nothing(x, y)
    pair = line_and_nothing(y, x * y)
    return at(2.0) * x + pair[0](x)


def put_first(t, value):
    t[0] = value


@program((0.7, 1.3))
def a_helper_that_only_writes(x, y):
    u = np.ones(3) * y
    for k in range(3):
        a = x * x * k
        put_first(u, a)
        y = y * u[0] + u[1]
    return np.sum(u * u) * y


@program((0.6,))
def a_pop_in_a_function_that_is_not_called(x):
    values = [x, x * x]

    def touch():
        values.pop()

    return sum(values)


def scaled_by_itself(t, r):
    r[:] += (t @ t) * t


@program((0.6, -0.4))
def a_shadow_that_becomes_varied_in_a_helper(x, y):
    z = np.array([x, y, x * y])
    scaled_by_itself(z, z)
    return np.dot(z, WEIGHTS[:3])


def moved_down(t):
    first = t[1:].copy()
    t[1:] = 0.0
    t[:-1] += first


@program((1.1, 0.4))
def a_view_of_what_is_lent(x, y):
    u = np.array([x * x, y, x * y, 1.0])
    moved_down(u)
    return np.sum(u * u * u)


def multiplied(t):
    for _ in range(4):
        t[1:] = t[:0:-1] * t[2::-1]
        break
    return t


@program((0.9, 0.7))
def another_name_of_what_is_brought_back(x, y):
    u = np.zeros(4)
    v = multiplied(np.array([x, y, x * y, 0.5]))
    u[1:] = np.sin(v[1:])
    return np.dot(u, WEIGHTS[:4])


def sines(t):
    return np.sum(np.sin(t) * t)


@program((0.6, 0.9), (-0.3, 1.4))
def an_array_of_a_list_that_a_helper_kept(x, y):
    arrays = [np.array([x, y, 1.0, x]), np.array([x * y, y, x, 0.5])]
    r = sines(arrays[1])
    multiplied(arrays[1])
    return r * sines(arrays[0]) * sines(arrays[1])


@program((0.6, 0.9))
def an_adjoint_that_is_a_view(x, y):
    u = np.full(4, x)
    z = np.array([y, x, 0.2, x * y])
    s = [0.5, u[3], y, z[1]]
    z[...] += np.sin(u)
    return sum(s) + np.sum(z * z)


@program((np.array([0.5, 1.5]),), marks="refusable")
def a_diagonal_that_sees_a_later_write(z):
    a = np.outer(z, z)
    d = np.diag(a)
    a[0, 0] = z[1] * 5
    return np.sum(d**2)


@program((np.array([0.5, 1.5]),), marks="refusable")
def the_same_array_in_the_same_type(z):
    a = z * z
    d = np.float64(a)
    a[0] = z[1] * 5
    return np.sum(d**2) + np.sum(a.conj() * d)


def grown(x, n):
    return x * np.ones(2) if n == 0 else np.sin(grown(x * 1.1, n - 1)) * x


@program((0.8, 3), wrt=(0,))
def recursion_that_returns_an_array(x, n):
    return np.sum(grown(x, n) ** 2)


FOUR = np.arange(4.0)


def renewed(o):
    o.v = np.ones(3) * 5.0


@program((0.5, FOUR), marks="refusable first")
def a_part_of_a_list_that_is_replaced(y, z4):
    u = z4
    s = [z4[2], 0.5, z4[3]]
    z4[2] = s[0]
    s[1:2] = [y]
    return sum(s) + np.sum(u)


@program((0.1, 0.5, FOUR), marks="refusable first")
def items_that_are_exchanged(x, y, z4):
    u = np.full(6, 0.5)
    s = u
    N = [[x, z4[1], y], [x, x, s[0]]]
    N[0], N[1] = (N[1], N[0])
    u[5] *= y
    return N[1][2]


@program((0.7,), marks="refusable first")
def an_item_that_is_replaced_while_it_has_a_name(x):
    N = [[x, x * 2], [x * 3, x]]
    a = N[1]
    N[1] = [0.5, x]
    a[0] *= 2
    return a[0] + N[1][0]


@program((0.7,), marks="refusable first")
def an_array_that_is_replaced_while_it_has_a_name(x):
    u = np.ones(3) * x
    N = [u * 2, u * 3]
    a = N[1]
    N[1] = u * 4
    a[0] *= x
    return np.sum(a) + np.sum(N[1])


@program((0.7,), marks="refusable first")
def entries_that_are_exchanged_while_one_has_a_name(x):
    u = np.ones(3) * x
    N = {"p": u * 2, "q": u * 3}
    a = N["p"]
    N["p"], N["q"] = N["q"], N["p"]
    a *= x
    return np.sum(a * 2) + np.sum(N["q"] * 3) + np.sum(N["p"])


@program((0.7,), marks="refusable first")
def an_attribute_that_is_replaced_while_it_has_a_name(x):
    o = Carrier(np.ones(3) * x)
    a = o.v
    o.v = np.ones(3) * x * 3
    a *= x
    return np.sum(a) + np.sum(o.v)


@program((0.7,), marks="refusable first")
def an_attribute_that_a_helper_replaces_while_it_has_a_name(x):
    o = Carrier(np.ones(3) * x)
    a = o.v
    renewed(o)
    a *= x
    return np.sum(a) * x + np.sum(o.v)


@program((0.7,), marks="refusable first")
def a_list_in_a_list_that_is_replaced(x):
    o = [[np.ones(3) * x], [np.ones(3)]]
    a = o[0]
    b = a[0]
    o[1] = [np.ones(3) * x * 2]
    b *= x
    a[0] = o[1][0] * x
    return np.sum(a[0]) + np.sum(b) + np.sum(o[0][0])


def first_two(v):
    return v[0] * v[1]


@program((np.asfortranarray(np.arange(6.0).reshape(2, 3) + 1.0),), (np.broadcast_to(THREE, (2, 3)),), (THREE.reshape(3, 1),))
def items_of_a_reshaped_array_read_by_a_helper(x):
    return first_two(x.reshape(-1)) + first_two(np.ravel(x)[1:]) * first_two(x.T.ravel())


def squared_items(a):
    u = np.ravel(a)
    return np.reshape(np.array([u[k] ** 2 for k in range(len(u))]), a.shape)


@program((THREE,))
def items_of_an_array_that_was_broadcast(z):
    return np.sum(squared_items(z * np.ones((3, 1))) * z)


@program((1.0, FOUR), wrt=(0, 1))
def a_counted_loop_over_what_a_helper_in_it_overwrites(y, z):
    z = z[::-1] * y
    u = np.ones(4)
    for i, v in enumerate(u):
        z[i] = v
        v = drained_by_another(u, u[i])
    return np.sum(z) * y


@program((THREE,))
def a_loop_variable_that_a_branch_sets(x):
    s = x[0]
    for i in range(2):
        s = s * x[i]
        if s > 0:
            i = 2
        s = s * x[i]
    return s


@program((THREE,))
def a_loop_variable_that_an_inner_loop_takes(x):
    s = x[0]
    for i in range(2):
        for i in range(i, 3):
            s = s * x[i]
        s = s * x[i] * 1.1
    return s


@program((THREE,))
def a_loop_variable_in_the_targets_of_an_inner_loop(x):
    s = x[0]
    for i in range(2):
        for i, v in enumerate(x):
            s = s + v * 0.1
        with np.errstate(all="ignore"):
            j = 0
            while j < 2:
                s = s * x[i]
                i = j
                j += 1
        s = s * x[i]
    return s


class Store:
    def __init__(self, data):
        self.data = data
        self.mark = np.ones(2)

    def size(self):
        return np.sum(self.data**2)

    def scale(self):
        self.data = self.data * self.size()

    def marked(self, v):
        self.mark = np.zeros(2)
        self.data = self.data + v

    def __iadd__(self, other):
        self.data += other.data
        return self

    def __rmul__(self, s):
        return Store(self.data * s)


@program((THREE, 0.8))
def a_constant_is_set_in_what_is_lent(x, y):
    store = Store(np.ones(3))
    store.marked(x)
    store.marked(y * x)
    return np.sum(store.data**2) + np.sum(store.mark)


def marked(d, v):
    d["a"] = np.zeros(2)
    d["b"] = v


@program((0.8,))
def a_constant_is_set_in_a_dictionary_that_is_lent(x):
    d = {"a": np.ones(2), "b": 1.0}
    marked(d, x)
    return d["b"] * x


@program((Store(THREE),))
def a_method_calls_a_method_of_what_it_changes(s):
    s.scale()
    return np.sum(s.data)


@program((Store(THREE), 0.7))
def what_an_object_keeps_is_changed(u, s):
    w = Store(u.data * 1.0)
    w += s * u
    return np.sum(w.data**3)


@program((THREE,))
def what_an_object_keeps_has_a_tangent_of_its_own(u):
    w = Store(u * 1.0)
    w += Store(u * u)
    return np.sum(w.data**3) * u[0]


class Gain:
    gain = 1.5

    def __init__(self, w):
        self.w = w

    def apply(self, x):
        return self.gain * self.w * x


@program((0.3, 0.7))
def an_attribute_in_place_of_one_of_the_class(w, x):
    a = Gain(w)
    y = a.apply(x)
    a.gain = x * y
    return a.apply(x)


@program((Gain(0.3), 0.7))
def an_attribute_that_comes_later(a, x):
    y = a.apply(x)
    a.extra = y * x
    return a.apply(y) * a.extra


def numbered(t):
    for j in range(len(t)):
        t[j] = j
    return t


@program((1.031,))
def what_a_helper_overwrites_comes_back_into_a_copy(y):
    u = np.ones(5)
    first = y
    for _ in range(2):
        y = numbered(u)[1] * first * y
    return y


SQUARE = np.array([[0.8, -0.7], [0.4, 1.2]])


class Box:
    def __init__(self, m):
        self.m = m

    def invert(self, x):
        self.m = np.linalg.inv(x)

    def poke(self, v):
        self.m[0, 0] = v


def inverse(x):
    y = np.linalg.inv(x)
    return y


def inverse_and_more(x):
    y = np.linalg.inv(x)
    return y, y @ x


@program((SQUARE,))
def the_result_of_a_helper_is_overwritten(x):
    y = inverse(x)
    y[0, 0] = 3 * x[1, 1]
    return np.sum(y**2)


@program((SQUARE,))
def the_results_of_a_helper_are_overwritten(x):
    a, b = inverse_and_more(x * x)
    a[0, 0] = x[1, 1]
    b[0, 1] = 2 * x[0, 0]
    return np.sum(a**2 * b)


@program((SQUARE,))
def what_an_object_has_got_is_overwritten(x):
    a = np.linalg.inv(x)
    box = Box(a)
    box.m[0, 0] = 3 * x[1, 1]
    box.invert(x * box.m)
    box.poke(x[0, 1])
    return np.sum(box.m**2)


@program((SQUARE,))
def what_lists_have_got_is_overwritten(x):
    first, second = [np.linalg.inv(x), inverse(x)], []
    second.append(np.linalg.inv(x))
    for items in (first, second):
        for k in range(len(items)):
            items[k][0, 0] = 3 * x[1, 1]
    return np.sum(first[0] ** 2 * first[1] + second[0])


@program((THREE,))
def what_was_read_before_a_list_got_it(x):
    a = np.sin(x)
    t = a[0] * a[1]
    items = []
    items.append(a)
    items[0][0] = x[2] * 3
    return t + np.sum(items[0])


@program((SQUARE,))
def what_exchanged_arrays_have_got_is_overwritten(x):
    a, b = np.linalg.inv(x), inverse(x * 2)
    for _ in range(3):
        b[0, 0] = a[1, 1] * x[0, 0]
        a, b = b, a
    return np.sum(a**2 * b)


@program((THREE,))
def a_tangent_that_is_a_view_of_what_is_written_into(z):
    m = (np.zeros((2, 3)) + z[::-1]) * 1.0
    z[-1] *= 0.5
    return np.sum(m) + z[0]


@program((0.5, 0.7), wrt=(0, 1))
def a_row_of_a_nested_list_is_replaced(y, a):
    rows = [[y] * 3 for _ in range(2)]
    rows[1] = [y, a, y]
    return rows[0][1] * rows[1][2] * rows[1][1]


@program((0.7, np.array([0.1, 0.2, 0.3])), wrt=(0, 1))
def an_array_of_a_loop_that_may_end_before_it_is_made(x, z):
    b = x
    u = np.sin(z)
    for i in range(2):
        if x > 10.0 and i % 2 == 0:
            u[::-1] += x
            if u[i] < 1.0:
                return b
        w = np.array([np.sum(u), x, 1.0])
        b *= np.exp(-w[-2] * w[-2])
        if b < 10.0:
            return b + u[0]
    u[:] = np.sin(z)
    return b * 3


NUMBERS = (np.array([0.94, 0.33, 0.77]),)


@program(NUMBERS)
def a_loop_sets_the_index_of_an_earlier_write(z):
    u = z * 1.0
    i = 1
    u[i] = u[-1]
    s = 0.0
    for i in range(3):
        s += u[i] ** 2
    return s * u[i]


@program(NUMBERS)
def an_inner_loop_sets_an_index_that_is_read_before_it(z):
    i = 2
    y = z[i] ** 3
    s = 0.0
    for k in range(3):
        y = y * z[i]
        for i in range(k + 1):
            s += z[i] * y
    return s * z[i]


@program(NUMBERS)
def a_while_loop_by_the_index_of_the_loop_in_it(z):
    i = 2
    s = z[i] ** 2
    i = 0
    s *= z[i]
    while i < 2:
        for i in range(i + 1, 3):
            s = s * z[i] + z[0]
        s *= z[i]
    return s * z[i]


@program(NUMBERS)
def a_loop_over_keys_sets_what_was_an_index(z):
    k = 1
    d = {"a": z[0], "b": z[1]}
    y = z[k] ** 2
    for k in d:
        y = y * d[k]
    return y * d[k]


@program(NUMBERS)
def a_loop_in_a_loop_of_the_same_index(z):
    s = z[0]
    for i in range(3):
        t = z[i] ** 2 * s
        for i in range(2):
            s = s + t * z[i]
        s *= z[i] * t
    return s * z[i]
