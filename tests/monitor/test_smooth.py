"""Nothing stops a live picture: what takes long is done before."""

import gc
import subprocess
import sys

from monitor.smooth import smoothly

PROGRAM = """
import sys
from monitor.smooth import smoothly
assert "scipy.optimize" not in sys.modules
with smoothly():
    assert "scipy.optimize" in sys.modules
"""


def test_what_is_loaded_late_is_loaded_before():
    subprocess.run([sys.executable, "-c", PROGRAM], check=True, timeout=60)


def test_what_is_there_is_not_searched_for_garbage_meanwhile():
    with smoothly():
        assert gc.get_freeze_count() > 1000
    assert gc.get_freeze_count() == 0
