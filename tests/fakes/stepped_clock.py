"""Runs a `wao` command whose wall clock steps an hour ahead at SIGUSR1, and two hours back at SIGUSR2.

It is `python -m tests.fakes.stepped_clock COMMAND ...`. The clock of the machine is not touched: only what Python code
of this process reads as the time of day. Certificates are still verified at the true time.
"""

from __future__ import annotations

import signal
import time

AHEAD, BACK = 3600.0, -7200.0
_offset = 0.0
_true_time = time.time


def _time() -> float:
    return _true_time() + _offset


def _step(number: int, _frame: object) -> None:
    global _offset
    _offset += AHEAD if number == signal.SIGUSR1 else BACK


if __name__ == "__main__":
    for number in (signal.SIGUSR1, signal.SIGUSR2):
        signal.signal(number, _step)
    time.time = _time  # before any other module takes it as a default
    from wao_predict.cli import main

    main()
