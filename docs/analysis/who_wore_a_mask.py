"""Who wore a mask when? A table of one recording, made with the library.

python docs/analysis/who_wore_a_mask.py door.mp4
"""

from __future__ import annotations

import sys
from collections import defaultdict

from monitor import analyze_video


def main(path: str) -> None:
    """Prints each person with the first and last second seen, and the share of pictures with each label."""
    labels: dict[int, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    first: dict[int, float] = {}
    last: dict[int, float] = {}
    for moment in analyze_video(path):
        for person in moment.people:
            labels[person.person][person.label] += 1
            first.setdefault(person.person, moment.t)
            last[person.person] = moment.t
    print("person      from        to  labels")
    for number, counts in sorted(labels.items()):
        total = sum(counts.values())
        shares = ", ".join(f"{label} {count / total:.0%}" for label, count in sorted(counts.items()))
        print(f"{number:6}  {first[number]:6.1f} s  {last[number]:6.1f} s  {shares}")


if __name__ == "__main__":
    main(sys.argv[1])
