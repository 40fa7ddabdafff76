"""How many judgements a frame may have."""

from dataclasses import replace

import numpy as np

from monitor.analysis.watch import track_settings
from monitor.analysis_settings import AnalysisSettings
from monitor.bench.films import settings_of
from monitor.budget import LiveBudget, MediaBudget, every_face
from monitor.settings import Settings, TrackSettings
from monitor.types import Frame
from tests.monitor.bench.reports import RECORDED


def at(t, index=0):
    return Frame(index, t, None, np.zeros((2, 2, 3), np.uint8))


def total(budget, fps, seconds, cost_s=0.0):
    spent = 0
    for i in range(round(fps * seconds)):
        n = budget.allow(at(i / fps, i))
        budget.spent(n, n * cost_s)
        spent += n
    return spent


def test_files_depend_on_media_time_alone():
    quick, slow = (total(MediaBudget(60.0), 25.0, 10.0, cost_s) for cost_s in (0.0, 1.0))
    assert quick == slow
    assert abs(quick - 600) <= 16


def test_files_save_up_for_a_group_but_not_for_ever():
    budget = MediaBudget(60.0)
    budget.allow(at(0.0))
    assert budget.allow(at(100.0, 1)) == 15


def test_a_low_rate_still_gets_its_turn():
    assert 9 <= total(MediaBudget(1.0), 25.0, 10.0) <= 12


def test_live_fits_the_time_a_frame_has():
    budget = LiveBudget(0.5)
    for i in range(100):
        n = budget.allow(at(i / 25, i))
        budget.spent(n, n * 0.005)
    assert budget.allow(at(4.0, 100)) == 4


def test_live_always_judges_somebody():
    budget = LiveBudget(0.5)
    for i in range(50):
        budget.spent(budget.allow(at(i / 30, i)), 3.0)
    assert budget.allow(at(2.0, 60)) == 1


def test_a_machine_that_loses_frames_gets_no_more_time_for_it():
    kept, lost = LiveBudget(0.5), LiveBudget(0.5)
    for i in range(100):
        for budget, every in ((kept, 1), (lost, 3)):
            n = budget.allow(at(i * every / 30, i * every))
            budget.spent(n, n * 0.004)
    assert kept.allow(at(100 / 30, 100)) == lost.allow(at(300 / 30, 300)) == 4


def test_every_face_means_the_same_wherever_it_is_asked_for():
    track = every_face(TrackSettings(lost_s=3.0))
    assert (track.stable_every_s, track.changing_every_s, track.lost_s) == (None, None, 3.0)
    assert total(MediaBudget(track.judgements_per_s), 25.0, 1.0) > 25 * 1000
    settings = replace(Settings(), analysis=AnalysisSettings(every_face=True))
    assert track_settings(settings) == every_face(settings.track)
    assert track_settings(Settings()) == settings.track
    assert settings_of(settings, replace(RECORDED, every_face=True)).track == every_face(settings.track)
    assert settings_of(settings, RECORDED).track == settings.track
