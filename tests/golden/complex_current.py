"""Complex numbers: what a circuit makes of a wave, compared with the magnitudes that were measured."""

import numpy as np


def complex_current(resistance, coil, voltage, omega, measured):
    impedance = resistance + 1j * omega * coil
    current = voltage / impedance
    current[0] = 0.0
    phase = np.sum(current).imag
    return np.sum((np.abs(current) - measured) ** 2) + phase


ARGNUMS = (0, 1)
ARGUMENTS = (
    2.0,
    np.array([0.4, 0.7, 0.2]),
    np.array([1.0 + 0.5j, 0.3j, -1.0 + 0.2j]),
    np.array([0.5, 1.5, 3.0]),
    np.array([0.1, 0.2, 0.3]),
)


# What srcad makes of it; `python -m tests.golden` writes all that follows.

from srcad.runtime import kept


def complex_current_forward(resistance, coil, voltage, omega, measured):
    """Forward sweep of complex_current (complex_current.py:6); returns its result and what complex_current_adjoint needs."""
    product = 1.0j * omega
    impedance = resistance + product * coil
    current = voltage / impedance
    current_old = current[0]
    current[0] = 0.0
    phase = np.sum(current).imag
    absolute = np.abs(current)
    difference = absolute - measured
    return np.sum(difference ** 2) + phase, (product, impedance, current, current_old, absolute, difference)


def complex_current_adjoint(saved, result_bar):
    """Reverse sweep of complex_current: the adjoint of resistance, coil from that of its result."""
    product, impedance, current, current_old, absolute, difference = saved
    current = kept(current)
    # 11: return np.sum((np.abs(current) - measured) ** 2) + phase
    current_bar = result_bar * 2 * difference * current / (absolute + (absolute == 0))
    phase_bar = result_bar
    # 10: phase = np.sum(current).imag
    current_bar += 1.0j * phase_bar
    # 9: current[0] = 0.0
    current[0] = current_old
    current_bar[0] = 0.0
    # 8: current = voltage / impedance
    impedance_bar = current_bar * np.conj(-current / impedance)
    # 7: impedance = resistance + 1j * omega * coil
    resistance_bar = impedance_bar.sum().real
    coil_bar = (impedance_bar * np.conj(product)).real
    return resistance_bar, coil_bar.copy()


def complex_current_value_and_grad(resistance, coil, voltage, omega, measured):
    """The value and the gradient of complex_current (complex_current.py:6)."""
    product = 1.0j * omega
    impedance = resistance + product * coil
    current = voltage / impedance
    current_old = current[0]
    current[0] = 0.0
    phase = np.sum(current).imag
    absolute = np.abs(current)
    difference = absolute - measured
    result = np.sum(difference ** 2) + phase
    # 11: return np.sum((np.abs(current) - measured) ** 2) + phase
    current_bar = 2.0 * difference * current / (absolute + (absolute == 0))
    phase_bar = 1.0
    # 10: phase = np.sum(current).imag
    current_bar += 1.0j * phase_bar
    # 9: current[0] = 0.0
    current[0] = current_old
    current_bar[0] = 0.0
    # 8: current = voltage / impedance
    impedance_bar = current_bar * np.conj(-current / impedance)
    # 7: impedance = resistance + 1j * omega * coil
    resistance_bar = impedance_bar.sum().real
    coil_bar = (impedance_bar * np.conj(product)).real
    return result, (resistance_bar, coil_bar.copy())


def complex_current_grad(resistance, coil, voltage, omega, measured):
    """The gradient of complex_current (complex_current.py:6): both sweeps in one."""
    product = 1.0j * omega
    impedance = resistance + product * coil
    current = voltage / impedance
    current_old = current[0]
    current[0] = 0.0
    phase = np.sum(current).imag
    absolute = np.abs(current)
    difference = absolute - measured
    # 11: return np.sum((np.abs(current) - measured) ** 2) + phase
    current_bar = 2.0 * difference * current / (absolute + (absolute == 0))
    phase_bar = 1.0
    # 10: phase = np.sum(current).imag
    current_bar += 1.0j * phase_bar
    # 9: current[0] = 0.0
    current[0] = current_old
    current_bar[0] = 0.0
    # 8: current = voltage / impedance
    impedance_bar = current_bar * np.conj(-current / impedance)
    # 7: impedance = resistance + 1j * omega * coil
    resistance_bar = impedance_bar.sum().real
    coil_bar = (impedance_bar * np.conj(product)).real
    return resistance_bar, coil_bar.copy()
