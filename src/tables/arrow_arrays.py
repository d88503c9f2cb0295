"""Arrow arrays out of numpy's, from their memory: ``pyarrow.array`` would import pandas first."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def numbers(values: NDArray[np.float64]) -> pa.DoubleArray:
    """Return numbers; NaN is null."""
    return _typed(pa.float64(), values, ~np.isnan(values))


def places(values: NDArray[np.intp]) -> pa.Int64Array:
    """Return positions; negative ones are null."""
    return _typed(pa.int64(), values.astype(np.int64), values >= 0)


def flags(values: NDArray[np.bool_]) -> pa.BooleanArray:
    """Return booleans."""
    return pa.Array.from_buffers(pa.bool_(), len(values), [None, _bits(values)])


def texts(values: Sequence[str | None]) -> pa.StringArray:
    """Return texts; None is null."""
    encoded = [(value or "").encode() for value in values]
    offsets = np.zeros(len(encoded) + 1, np.int32)
    np.cumsum([*map(len, encoded)], out=offsets[1:])
    known = np.fromiter((value is not None for value in values), bool, len(encoded))
    buffers = [_validity(known), pa.py_buffer(offsets), pa.py_buffer(b"".join(encoded))]
    return pa.Array.from_buffers(pa.string(), len(encoded), buffers)


def text(value: str) -> pa.StringScalar:
    """Return a text as a value that computations take."""
    return texts([value])[0]


def codes_of(column: pa.DictionaryArray, missing: int) -> NDArray[np.intp]:
    """Return the positions in a column's dictionary; ``missing`` where they are null."""
    indices = column.indices
    if indices.null_count:
        indices = indices.fill_null(places(np.array([missing])).cast(indices.type)[0])
    kind = np.dtype(str(indices.type))
    found = np.frombuffer(indices.buffers()[1], kind, len(indices), indices.offset * kind.itemsize)
    return found.astype(np.intp)


def _typed(kind: pa.DataType, values: NDArray[np.generic], known: NDArray[np.bool_]) -> pa.Array:
    values = np.ascontiguousarray(values)
    return pa.Array.from_buffers(kind, len(values), [_validity(known), pa.py_buffer(values)])


def _validity(known: NDArray[np.bool_]) -> pa.Buffer | None:
    return None if known.all() else _bits(known)


def _bits(values: NDArray[np.bool_]) -> pa.Buffer:
    return pa.py_buffer(np.packbits(values, bitorder="little"))
