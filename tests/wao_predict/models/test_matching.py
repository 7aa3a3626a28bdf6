"""Server types that resemble a server: the same processor first, then its series."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.models.matching import Hardware, candidates, processor_key


@pytest.mark.parametrize(
    ("stated", "key"),
    [
        ("Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz", "intel_xeon_gold_6354"),
        ("INTEL(R) XEON(R) GOLD 6530", "intel_xeon_gold_6530"),
        ("AMD EPYC 7763 64-Core Processor                ", "amd_epyc_7763"),
        ("Intel® Xeon® Platinum 8480+", "intel_xeon_platinum_8480"),
        ("ARMv9", "armv9"),
        ("", ""),
    ],
)
def test_a_processors_name_loses_what_is_not_its_name(stated: str, key: str) -> None:
    assert processor_key(stated) == key


def test_the_same_processor_with_the_same_number_comes_first() -> None:
    for chips, cores in ((1, 64), (2, 128)):
        best = candidates(Hardware(processor="AMD EPYC 7763 64-Core Processor", chips=chips, cores=cores))[0]
        assert (best.server.chips, best.server.cores) == (chips, cores)
        assert (best.exact, best.reason) == (True, "same processor")


def test_a_processor_of_the_same_series_states_what_differs() -> None:
    found = candidates(Hardware(processor="Intel(R) Xeon(R) Gold 6354 CPU @ 3.00GHz", chips=2, cores=36))
    assert found[0].server.processor == "intel_xeon_gold_6336y"
    assert found[0].reason == "same series (intel_xeon_gold_63..), 48 cores instead of 36"
    assert not found[0].exact


@pytest.mark.parametrize("processor", ["", "ARMv9", "Multi-Core processor 7xxx Series", "()", "\x00"])
def test_an_unknown_processor_has_no_candidates(processor: str) -> None:
    assert candidates(Hardware(processor=processor)) == []


@given(st.text(max_size=80), st.one_of(st.none(), st.integers(1, 10**6)))
def test_any_text_of_a_bmc_gives_candidates_in_order_or_none(processor: str, cores: int | None) -> None:
    found = candidates(Hardware(processor=processor, cores=cores), n=3)
    assert len(found) <= 3
    assert all(item.reason for item in found)
