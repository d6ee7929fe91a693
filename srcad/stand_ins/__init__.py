"""Functions of SciPy that call functions of the user's, or make objects, in plain Python.

A call of `scipy.optimize.root` is differentiated by differentiating `stand_ins.optimize.root`. Each module is loaded when
a function of its package is first met: SciPy is optional, and slow to import.
"""
