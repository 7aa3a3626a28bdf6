"""What names of sensors tell: names seen on servers of many vendors, the inlets among them and what must not be one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wao_predict.redfish.names import TRUSTED, judge, names_a_part, same, words

INLETS = {
    "Dell": ["System Board Inlet Temp", "Inlet Temp", "SystemBoardInletTemp", "Ambient Temp"],
    "HPE": ["01-Inlet Ambient", "Inlet Ambient", "15-Front Ambient"],
    "Lenovo": ["Ambient Temp", "Inlet Temp", "Intake Temp"],
    "Supermicro": ["Inlet Temp", "System Inlet Temp", "FP Ambient", "Inlet Air Temp"],
    "Fujitsu": ["Ambient", "Ambient Temp"],
    "Huawei, xFusion": ["Inlet Temp", "Air Inlet Temp"],
    "H3C": ["1-Inlet Temp", "Inlet_Temp"],
    "Inspur": ["Inlet_Temp", "Inlet Temperature"],
    "Cisco": ["TEMP_SENS_FRONT", "FP_TEMP_SENSOR", "FP_AMBIENT_TEMP", "TEMP_SENSOR_FRONT"],
    "Intel": ["BB Inlet Temp", "Front Panel Temp", "Sys Inlet Temp", "Front_Panel_Temp", "Inlet_BRD_Temp"],
    "Quanta": ["Temp_Ambient_FP", "Temp_FrontPanel", "Temp_Inlet_L"],
    "Gigabyte, AMI": ["TEMP_AMBIENT", "MLB_INLET_TEMP", "SYS_INLET", "INLET_AMB_TEMP"],
    "Tyan": ["SYS_Air_Inlet", "MB_Air_Inlet"],
    "OCP, Wiwynn, Meta": ["MB_INLET_TEMP", "MB_INLET_TEMP_C", "FIO_REMOTE1_TEMP", "NODE_INLET"],
    "NVIDIA": ["Chassis_0_Front_IO_Temp_0", "Front IO Temp", "TEMP_AMBIENT"],
    "IBM, OpenBMC": ["Ambient_0_Temp", "ambient", "Ambient_Virtual_Temp", "inlet_left", "i_cool_inlet0"],
    "Oracle": ["/SYS/T_AMB", "T_AMB"],
    "NEC, Hitachi": ["Frnt Pnl Amb Temp", "Amb Temp"],
    "YADRO": ["Inlet Air Temp"],
    "front panels": ["Control Panel Temp", "Op Panel Ambient", "Front Bezel Temp", "Right Ear Temp", "Front LED Board"],
    "short": [
        "TEMP_IN",
        "Temp In",
        "T_INLET",
        "Chassis_Inlet_L",
        "HPM_INLET_TEMP",
        "Blade Inlet",
        "Current Inlet Temp",
    ],
    "any": ["SYSINLETTEMP", "inlettemp", "AirIntake", "Air In", "Supply Air Temp", "Cold Aisle Temp", "Intake Left"],
}
ELSEWHERE = {
    "exhaust": ["Exhaust Temp", "Exit Air Temp", "Outlet_Temp", "MLB_OUTLET_TEMP", "Rear Ambient", "Rear Inlet"],
    "power supplies": ["PSU1 Inlet Temp", "PSU_Inlet_Temp", "54-P/S 1 Inlet", "PS1 Ambient", "Power Supply 1 Inlet"],
    "boards": ["15-Board Inlet", "69-Board Inlet", "PDB_INLET", "VPDB_INLET", "SWB_INLET_TEMP", "UBB_Inlet"],
    "drives": ["M.2_Inlet_Temp", "M2_G0_AMB_TEMP", "NVMe Ambient", "HDD Inlet", "BP1 Inlet", "E1S_Ambient", "E1.S Amb"],
    "cards": ["RISER1_INLET_TMP", "Temp_PCI_Inlet1", "OCP_Inlet", "AOC_Inlet", "MEZZ_AMB", "CX7 Ambient", "GPU_INLET"],
    "parts": ["CPU1 Inlet", "VR Inlet", "BMC_INLET_TEMP", "OAM_Ambient", "C1_DCSCM_TEMP", "cpuinlettemp", "Fan Inlet"],
    "cooling": ["Heat Sink Inlet", "Cold Plate Inlet", "Pump Inlet", "Manifold Inlet", "TCS Inlet", "Leak Inlet"],
    "supply": ["Inlet Voltage", "AC Inlet", "PDU Inlet", "Temperature in Celsius", "Temp in C"],
    "water": ["Inlet Water Temp", "Coolant Inlet", "LC Inlet Temp", "Liquid Inlet", "CDU Primary Inlet"],
    "no temperature": ["Inlet Temp Margin", "Inlet Temp Status", "Ambient Humidity", "Inlet Pressure", "Ambient Limit"],
    "nothing said": [
        "System Temp",
        "MB_TEMP1",
        "Peripheral Temp",
        "Temp 1",
        "TR1 Temp",
        "Chassis0Temperature",
        "",
        "42",
    ],
}


@pytest.mark.parametrize(("vendor", "name"), [(vendor, name) for vendor, names in INLETS.items() for name in names])
def test_an_inlet_is_known_by_its_name(vendor: str, name: str) -> None:
    assert judge(name).score >= TRUSTED


@pytest.mark.parametrize(("place", "name"), [(place, name) for place, names in ELSEWHERE.items() for name in names])
def test_what_measures_something_else_is_not_trusted(place: str, name: str) -> None:
    assert judge(name).score < TRUSTED


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ("Inlet Temp", "Ambient Temp"),
        ("01-Inlet Ambient", "15-Front Ambient"),
        ("MLB_INLET_TEMP", "MLB_AMB_TEMP"),
        ("TEMP_AMBIENT", "MB_Air_Inlet"),
        ("Inlet Temp", "XYZ Inlet Temp"),
        ("Front Panel Intake", "Room Temp"),
    ],
)
def test_the_surer_name_wins(better: str, worse: str) -> None:
    assert judge(better).score > judge(worse).score


@pytest.mark.parametrize(
    ("name", "right"),
    [
        ("System Board Inlet Temp", ["sysboard", "inlet", "temp"]),
        ("SYSINLETTEMP", ["sys", "inlet", "temp"]),
        ("GPUBoardTemp3", ["gpu", "board", "temp"]),
        ("P/S 1 Inlet", ["psu", "inlet"]),
        ("M2_G0_AMB_TEMP", ["drive", "g", "amb", "temp"]),
        ("DIMM2 Temp", ["dimm", "temp"]),
        ("xyzinletq", ["xyz", "inlet", "q"]),
        ("Front-Panel", ["frontpanel"]),
    ],
)
def test_words(name: str, right: list[str]) -> None:
    assert words(name) == right


def test_names_of_parts() -> None:
    assert names_a_part("CPU0_TEMP")
    assert not names_a_part("PSU1 Inlet")
    assert not names_a_part("Temp 1")


@given(st.text(max_size=80))
def test_any_text_has_a_score(name: str) -> None:
    assert -10.0 <= judge(name).score <= 25.0
    assert all(word == word.lower() and word for word in words(name))


@given(st.sampled_from([name for names in INLETS.values() for name in names]), st.sampled_from(["PSU1", "CPU0", "GPU"]))
def test_a_parts_name_before_an_inlets_makes_it_the_parts(name: str, part: str) -> None:
    assert judge(f"{part}_{name}").score < 0


def test_the_same_name_written_differently() -> None:
    assert same("Inlet Temp", "InletTemp")
    assert not same("", "")
    assert not same("Inlet Temp", "Outlet Temp")


@pytest.mark.parametrize("name", ["inlet" * 400_000, "a" * 2_000_000, "A" * 200_000 + "a", "Air " * 500_000])
def test_a_huge_name_is_judged_in_linear_time(name: str) -> None:
    began = time.process_time()
    judge(name)
    names_a_part(name)
    assert time.process_time() - began < 0.2
