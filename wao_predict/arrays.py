"""Array types of the library's signatures, and the conversion of arguments to arrays."""

from __future__ import annotations

import operator
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from wao_predict.errors import UsageError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def real_numbers(values: object) -> FloatArray:
    """Return values as float64; masked ones are NaN.

    Raises
    ------
    TypeError, ValueError
        A value is not a real number. Booleans and times are none.
    """
    if isinstance(values, np.ndarray) and values.dtype == np.float64 and not isinstance(values, np.ma.MaskedArray):
        return values
    if isinstance(values, np.ma.MaskedArray):  # np.asarray would return the values under the mask
        return np.asarray(np.ma.filled(np.ma.asarray(values, dtype=np.float64), np.nan))
    array = np.asarray(values)
    if array.dtype.kind in "bmM" or (array.dtype.kind == "O" and any(map(_is_no_number, array.flat))):
        raise TypeError("booleans or times")
    if array.dtype.kind == "c" or (array.dtype.kind == "O" and any(isinstance(item, complex) for item in array.flat)):
        raise TypeError("complex numbers")
    try:
        return np.asarray(array, dtype=np.float64)
    except OverflowError as error:
        raise ValueError(str(error)) from None


def _is_no_number(value: object) -> bool:
    return isinstance(value, bool | np.bool_ | date | timedelta | np.datetime64 | np.timedelta64)


def as_floats(name: str, values: object, *, length: int | None = None) -> FloatArray:
    """Return an argument as float64.

    Parameters
    ----------
    name
        Name of the argument, for messages.
    values
        Numbers, or a nested list of them.
    length
        Wanted length; a scalar is repeated. None for any shape.

    Raises
    ------
    UsageError
        A value is not a real number, or the shape is another one.

    Examples
    --------
    >>> as_floats("load", 10, length=2).tolist()
    [10.0, 10.0]
    """
    try:
        array = real_numbers(values)
    except (TypeError, ValueError) as error:
        raise UsageError(f"{name} has values that are not numbers ({error!s:.120}): give numbers") from None
    if length is None or array.shape == (length,):
        return array
    if array.shape == ():
        return np.full(length, array)
    raise UsageError(f"{name} has shape {array.shape}: give {length} values or a single one")


def as_number(name: str, value: object) -> float:
    """Return an argument as one number.

    Raises
    ------
    UsageError
        It is not one real number.
    """
    array = as_floats(name, value)
    if array.shape != ():
        raise UsageError(f"{name} has shape {array.shape}: give a single number")
    return float(array)


def as_count(name: str, value: object) -> int:
    """Return an argument as a whole number.

    Raises
    ------
    UsageError
        It is not a whole number, or numpy cannot count so far.
    """
    try:
        if isinstance(value, bool):
            raise TypeError
        count = operator.index(value)  # type: ignore[arg-type]
    except TypeError:
        raise UsageError(f"{name} is {value!r:.40}: give a whole number") from None
    if abs(count) > np.iinfo(np.int64).max:
        raise UsageError(f"{name} has more than 64 bits: give a smaller number")
    return count
