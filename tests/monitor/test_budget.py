"""How many judgements a frame may have."""

from monitor.budget import LiveBudget, MediaBudget


def total(budget, fps, seconds, cost_s=0.0):
    spent = 0
    for i in range(round(fps * seconds)):
        n = budget.allow(i / fps)
        budget.spent(n, n * cost_s)
        spent += n
    return spent


def test_files_depend_on_media_time_alone():
    quick, slow = (total(MediaBudget(60.0), 25.0, 10.0, cost_s) for cost_s in (0.0, 1.0))
    assert quick == slow
    assert abs(quick - 600) <= 16


def test_files_save_up_for_a_group_but_not_for_ever():
    budget = MediaBudget(60.0)
    budget.allow(0.0)
    assert budget.allow(100.0) == 15


def test_a_low_rate_still_gets_its_turn():
    assert 9 <= total(MediaBudget(1.0), 25.0, 10.0) <= 12


def test_live_fits_the_time_a_frame_has():
    budget = LiveBudget(0.5)
    for i in range(100):
        n = budget.allow(i / 25)
        budget.spent(n, n * 0.005)
    assert budget.allow(4.0) == 4


def test_live_always_judges_somebody():
    budget = LiveBudget(0.5)
    for i in range(50):
        budget.spent(budget.allow(i / 30), 3.0)
    assert budget.allow(2.0) == 1
