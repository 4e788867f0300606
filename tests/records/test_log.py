import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulator.records.log import Log

DTYPES = {"query": "int64", "pool": "int16", "time_s": "float64", "accepted": "bool"}
ROWS = st.lists(st.tuples(st.integers(0, 2**53), st.integers(-1, 1000), st.floats(), st.booleans()), max_size=50)


@given(ROWS, st.integers(1, 20))
def test_columns_are_the_rows_in_order_with_their_dtypes(rows, settle_every):
    log = Log(DTYPES)
    for i, row in enumerate(rows):
        log.append(row)
        if i % settle_every == 0:
            log.settle()
    columns = log.columns()
    assert {name: str(column.dtype) for name, column in columns.items()} == DTYPES
    assert len(log) == len(rows)
    for column, values in zip(columns.values(), zip(*rows, strict=True), strict=False):
        np.testing.assert_array_equal(column, np.array(values, column.dtype))


def test_columns_may_be_read_and_the_log_goes_on():
    log = Log({"a_s": float})
    log.append((1.0,))
    assert log.columns()["a_s"].tolist() == [1.0]
    log.append((2.0,))
    assert log.columns()["a_s"].tolist() == [1.0, 2.0]


def test_a_row_of_another_width_is_our_mistake():
    log = Log({"a_s": float, "b_s": float})
    log.append((1.0, 2.0, 3.0))
    with pytest.raises(AssertionError):
        log.columns()
