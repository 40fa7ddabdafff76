"""Events of the door to others: at least once, in order, and again after any interruption.

`Deliveries` owns a worker for each target of the settings; what still has to be told lies in the store's outbox.
"""

from monitor.kiosk.delivery.deliveries import Deliveries, target_names

__all__ = ["Deliveries", "target_names"]
