"""Real and complex: in which field the value of an expression is, and expressions brought from one into the other.

An adjoint, and a tangent, is in the field of the variable that it belongs to. The adjoint of a complex variable z is
`dL/dRe(z) + 1j * dL/dIm(z)`: the direction of steepest ascent of a real loss L.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Collection
from dataclasses import replace

import numpy as np

from srcad import runtime
from srcad.analysis.kinds import Array, Kind, Number, is_complex, plain
from srcad.core.nodes import Attribute, Call, Compare, Const, Expr, IfExp, Name, Op, Ref, Subscript, reference, walk
from srcad.transform.algebra import negated, without_sign

Known = Callable[[str], bool | None]
"""Whether a variable may be complex, None where that is not known."""

REAL_RESULTS = {np.real, np.imag, np.abs, np.angle, np.arange, np.sign, builtins.abs, builtins.float, builtins.len}
REAL_RESULTS |= {np.fft.irfft, np.fft.irfft2, np.fft.irfftn, np.fft.hfft}
"""Functions whose result is real, whatever they are given (`np.sign` of what is real: of a complex number it is refused)."""

MAKERS = {builtins.complex, np.complex128, np.complex64}
MAKERS |= {getattr(np.fft, way + name) for name in ("fft", "fft2", "fftn") for way in ("", "i", "r")} | {np.fft.ihfft}
"""Functions whose result is complex."""

LINEAR = {
    np.sum, np.broadcast_to, np.reshape, np.transpose, np.swapaxes, np.moveaxis, np.expand_dims, np.take_along_axis, np.diag,
    np.ravel, np.flip, np.tril, np.triu, np.roll, np.diagonal, np.cumsum, np.rot90, np.negative,
    runtime.unbroadcast, runtime.scatter, runtime.scatter_along, runtime.place_diagonal, runtime.place_repeated, runtime.own,
}  # fmt: skip
BILINEAR = {
    np.add, np.subtract, np.multiply, np.divide, np.matmul, np.dot, np.vdot, np.outer, np.tensordot, np.cross, np.inner,
    np.linalg.solve, runtime.over, runtime.passed,
}  # fmt: skip
STRUCTURAL = {**dict.fromkeys(LINEAR, 1), **dict.fromkeys(BILINEAR, 2)}
"""How many arguments of a function are data: the result is complex if one is, its conjugate is that of their conjugates."""

STRUCTURAL_METHODS = {"reshape", "sum", "copy", "transpose", "swapaxes", "ravel"}


def nothing_known(name: str) -> bool | None:
    return None


def is_in(obj, functions: Collection) -> bool:
    try:
        return obj in functions
    except TypeError:
        return False


def is_complex_kind(kind: Kind | None) -> bool | None:
    """Whether values of a kind are complex; None for what is no number or array, and where nothing is known."""
    kind = plain(kind) if kind is not None else None
    return is_complex(kind) if isinstance(kind, (Number, Array)) else None


def is_complex_value(e: Expr, known: Known = nothing_known) -> bool | None:
    """Whether the value of an expression is complex, None where that cannot be told."""
    if isinstance(e, Name) and known(e.id) is not None:  # what a variable holds on other paths, too
        return known(e.id)
    if is_complex_kind(e.kind) is not None:
        return is_complex_kind(e.kind)

    def joined(parts) -> bool | None:
        found = [is_complex_value(p, known) for p in parts]
        return True if True in found else None if None in found else False

    match e:
        case Const(value=value):
            return isinstance(value, complex)
        case Compare() | Op(op="not"):
            return False
        case Op(args=args):
            return joined(args)
        case IfExp(body=body, orelse=orelse):
            found = {is_complex_value(body, known), is_complex_value(orelse, known)}
            return found.pop() if len(found) == 1 else None
        case Attribute(attr="real" | "imag" | "shape" | "size" | "ndim"):
            return False
        case Attribute(value=value, attr="T") | Subscript(value=value):
            return is_complex_value(value, known)
        case Call(fn=Attribute(value=value, attr=attr), args=args) if attr in STRUCTURAL_METHODS:
            return is_complex_value(value, known)
        case Call(fn=Attribute(value=value, attr="conjugate" | "conj")):
            return is_complex_value(value, known)
        case Call(fn=Ref(obj=obj)) if is_in(obj, REAL_RESULTS):
            return False
        case Call(fn=Ref(obj=obj)) if is_in(obj, MAKERS):
            return True
        case Call(fn=Ref(obj=obj), args=args):
            if is_in(obj, STRUCTURAL):
                return joined(args[: STRUCTURAL[obj]])
            if isinstance(obj, np.ufunc):
                return joined(args)
    return None


def conjugate(e: Expr, bar: Expr | None = None, known: Known = nothing_known) -> Expr:
    """The conjugate of an expression, in the simplest form; `bar` is the adjoint in it, which is conjugated already.

    >>> text(conjugate(np.conj(Name("y_bar")) * np.cos(Name("z")), Name("y_bar")))
    'y_bar * np.conj(np.cos(z))'
    """

    def turned(x: Expr) -> Expr:
        return conjugate(x, bar, known)

    if is_complex_value(e, known) is False:
        return e
    match e:
        case Const(value=complex() as value):
            return negated(e) if value.real == 0 else Const(value.conjugate())
        case Call(fn=Ref(obj=np.conj), args=(x,)) | Call(fn=Attribute(value=x, attr="conjugate"), args=()):
            return x
        case Op(op="neg", args=(x,)):
            return negated(turned(x))
        case Op(op="+" | "-" | "*" | "/" | "@", args=(a, b)):
            parts = [is_complex_value(x, known) is False for x in (a, b)]
            if any(parts) or any(holds(x, bar) for x in (a, b)) or any(is_conjugate(n) for n in walk(e)):
                return replace(e, args=(turned(a), turned(b)))
        case Attribute(value=value, attr="T") if holds(value, bar):
            return replace(e, value=turned(value))
        case Subscript(value=value) if holds(value, bar):
            return replace(e, value=turned(value))
        case Call(fn=Attribute(value=value, attr=attr)) if attr in STRUCTURAL_METHODS and holds(value, bar):
            return replace(e, fn=replace(e.fn, value=turned(value)))
        case Call(fn=Ref(obj=obj), args=args) if is_in(obj, STRUCTURAL) and holds(e, bar):
            data = STRUCTURAL[obj]
            return replace(e, args=(*map(turned, args[:data]), *args[data:]))
    names = [n for n in walk(e) if isinstance(n, Name)]
    if names and all(isinstance(plain(n.kind), Number) if n.kind is not None else False for n in names):
        return Call(Attribute(e, "conjugate"), ())  # on Python's numbers NumPy's functions are slow
    return Call(reference(np.conj), (e,))


def is_conjugate(e) -> bool:
    return isinstance(e, Call) and isinstance(e.fn, Ref) and e.fn.obj is np.conj


def holds(e: Expr, bar: Expr | None) -> bool:
    """Whether an expression has the conjugate of the adjoint `bar` in it."""
    return bar is not None and any(is_conjugate(n) and n.args[0] is bar for n in walk(e))


def in_field(e: Expr, is_complex_: bool, known: Known = nothing_known) -> Expr:
    """An adjoint or a tangent in the field of what it belongs to: the real part, or a real number as a complex one."""
    found = is_complex_value(e, known)
    if found is is_complex_:
        return e
    match e:
        case Call(fn=Ref(obj=np.broadcast_to), args=(value, shape)):
            return replace(e, args=(in_field(value, is_complex_, known), shape))
        case Const(value=int() | float() as value) if is_complex_:
            return Const(complex(value))
    if is_complex_:
        return Op("+", (e, Const(0j)))
    match e:
        case Call(fn=Ref(obj=np.conj), args=(x,)) | Call(fn=Attribute(value=x, attr="conjugate"), args=()):
            return Attribute(x, "real")
        case Op(op="*" | "/" as op, args=(a, b)) if is_complex_value(b, known) is False:
            return Op(op, (in_field(a, False, known), b))
        case Op(op="*", args=(a, b)) if is_complex_value(a, known) is False:
            return Op("*", (a, in_field(b, False, known)))
        case Op(op="neg", args=(x,)):
            return negated(in_field(x, False, known))
        case Op(op="*", args=(x, Const(value=1j))) | Op(op="*", args=(Const(value=1j), x)):
            return negated(imaginary(x))
    return Attribute(e, "real")


def imaginary(e: Expr) -> Expr:
    """The imaginary part of an expression, a minus sign in front."""
    match e:
        case Op(op="neg", args=(x,)):
            return negated(imaginary(x))
        case Op(op="*" | "@", args=(a, b)) if without_sign(a) is not None:
            return negated(imaginary(replace(e, args=(without_sign(a), b))))
    return Attribute(e, "imag")


__all__ = ["conjugate", "in_field", "is_complex_kind", "is_complex_value"]
