"""The only package with threads: `Freshest`, `Ahead`, `Queued`, `Caller`, `Bell`, `Latest`, `Inbox` and `Ticker`.

Every wait has a limit. Close = flag, bounded join, release the device (that unblocks a stuck read), bounded join, warn.
A dead consumer never blocks its producer, a dead producer wakes its consumer, and each thread hands its exception back.
"""

from monitor.threads.bell import Bell
from monitor.threads.caller import Answer, Caller
from monitor.threads.inbox import Inbox, StillRunning
from monitor.threads.latest import Latest
from monitor.threads.queued import Queued
from monitor.threads.readers import Ahead, Freshest, gap
from monitor.threads.ticker import Ticker

__all__ = [
    "Ahead",
    "Answer",
    "Bell",
    "Caller",
    "Freshest",
    "Inbox",
    "Latest",
    "Queued",
    "StillRunning",
    "Ticker",
    "gap",
]
