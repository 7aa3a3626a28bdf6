"""`wao doctor`: finds what keeps an installation of WAO from working, and says how to correct it.

`gathering` reads facts, `checks` are pure functions of these facts, and `report` is what they found.
"""
