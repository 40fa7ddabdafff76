"""The kiosk's event store: SQLite, append-only but for purges, every event chained to the one before.

`Store.open` is the kiosk's, `Store.read` anybody's who may read the file.
"""

from monitor.kiosk.store.chain import Break, Head, Verdict, canonical
from monitor.kiosk.store.errors import StoreError
from monitor.kiosk.store.outbox import Backlog, Waiting
from monitor.kiosk.store.rows import Query, as_json
from monitor.kiosk.store.statistics import Bar, Summary, Visits, bars, day_span, first_midnight
from monitor.kiosk.store.store import Store

__all__ = [
    "Backlog", "Bar", "Break", "Head", "Query", "Store", "StoreError", "Summary", "Verdict", "Visits", "Waiting",
    "as_json", "bars", "canonical", "day_span", "first_midnight",
]  # fmt: skip
