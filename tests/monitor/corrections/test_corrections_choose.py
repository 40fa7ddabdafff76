"""Which pictures are chosen: few, with everybody in them, the doubtful first."""

from dataclasses import replace

import cv2
import pytest

from monitor.corrections.choose import Wish, limited, shots_of
from monitor.corrections.pictures import decoded
from monitor.corrections.results import plain, results_of, unlike
from monitor.errors import MediaError, SourceError, SourceNotFound
from tests.monitor.corrections.crowd import number_of, picture, row, rows, write_results


def chosen(out, wish=None):
    return [shot for result in results_of([out]) for shot in shots_of(result, wish or Wish(), unlike())]


def test_a_picture_is_taken_where_somebody_was_in_none_for_two_seconds(analysed):
    shots = chosen(analysed)
    assert [shot.t for shot in shots] == [0.0, 1.0, 3.0, 5.0]
    assert [sorted(face.person for face in shot.faces) for shot in shots] == [[1, 3], *3 * [[1, 2, 3]]]
    assert [len(shot.strangers) for shot in shots] == [0, 0, 1, 0]
    assert [shot.name for shot in shots][:2] == ["my-clip_0.jpg", "my-clip_1000.jpg"]


def test_one_picture_that_shows_two_people_is_rather_taken_than_two(analysed, tmp_path):
    told = [
        row(round(i / 25, 6), who, "real") for i in range(50) for who in (1, 2) if (who == 1) == (i < 30) or i == 20
    ]
    film = analysed.parent / "my clip.mp4"
    assert [shot.t for shot in chosen(write_results(tmp_path / "a", film, told))] == [0.8]


def test_faces_that_are_only_expected_are_left_out(analysed, tmp_path):
    film = analysed.parent / "my clip.mp4"
    told = [row(0.0, 1, "real"), row(0.0, 2, "real", found=False)]
    assert [face.person for shot in chosen(write_results(tmp_path / "a", film, told)) for face in shot.faces] == [1]


def test_only_a_label_and_the_doubtful_first(analysed):
    undecided = chosen(analysed, Wish(only_label="undecided"))
    assert [shot.t for shot in undecided] == [3.0]
    assert len(undecided[0].faces) == 3, "the others in the picture are shown too"
    wish = Wish(doubtful_first=True, most=2)
    shots = limited(chosen(analysed, wish), wish)
    assert [shot.doubt > 1 for shot in shots] == [True, False]
    assert shots[1].doubt == pytest.approx(0.3), "nearest to the threshold"


@pytest.mark.parametrize(("most", "times"), [(1, [0.0]), (2, [0.0, 3.0]), (9, [0.0, 1.0, 3.0, 5.0])])
def test_a_limit_spreads_the_pictures_evenly(analysed, most, times):
    wish = Wish(most=most)
    assert [shot.t for shot in limited(chosen(analysed, wish), wish)] == times


def test_exactly_the_chosen_pictures_are_decoded(analysed, monkeypatch):
    monkeypatch.setattr("monitor.sources.moments.NEAR_S", 1.5)
    (result,) = results_of([analysed / "my clip"])
    found = {shot.t: (number_of(bgr), shot.size_px) for shot, bgr in decoded(result, chosen(analysed))}
    assert found == {t: (round(t * 25), (660, 240)) for t in (0.0, 1.0, 3.0, 5.0)}


def test_every_picture_of_a_folder_stands_alone(tmp_path):
    told = []
    (tmp_path / "in").mkdir()
    for n, name in enumerate(("a b.png", "a-b.png"), 1):
        file = tmp_path / "in" / name
        cv2.imwrite(str(file), picture(n)[:, : 220 * n])
        told.append(row(0.0, n, "real", picture=str(file)))
    folder = write_results(tmp_path / "out", tmp_path / "in", told, kind="pictures")
    shots = chosen(folder)
    assert [shot.name for shot in shots] == ["out_a-b.jpg", "out_a-b-2.jpg"]
    (result,) = results_of([folder])
    assert [shot.size_px for shot, _ in decoded(result, shots)] == [(220, 240), (440, 240)]


def test_a_recording_that_changed_is_refused(tmp_path, analysed):
    film = tmp_path / "clip.mp4"
    film.write_bytes((analysed.parent / "my clip.mp4").read_bytes())
    folder = write_results(tmp_path / "out", film, list(rows()))
    with film.open("ab") as file:
        file.write(b"\0" * 8)
    (result,) = results_of([folder])
    with pytest.raises(SourceError, match="has changed"):
        next(decoded(result, chosen(folder)))
    film.unlink()
    with pytest.raises(SourceNotFound):
        next(decoded(result, chosen(folder)))


@pytest.fixture
def folder_of_pictures(tmp_path):
    """Two analysed pictures, each with somebody and with a find at its right edge."""
    (tmp_path / "in").mkdir()
    told = []
    for n in (1, 2):
        file = tmp_path / "in" / f"{n}.png"
        cv2.imwrite(str(file), picture(n)[:, :440])
        told += [row(n, None, None, x0=430.0, x1=450.0, picture=str(file)), row(n, n, "real", picture=str(file))]
    return write_results(tmp_path / "out", tmp_path / "in", told, kind="pictures")


def test_boxes_of_a_picture_end_at_its_edges(folder_of_pictures):
    (result,) = results_of([folder_of_pictures])
    shots = [shot for shot, _ in decoded(result, chosen(folder_of_pictures))]
    assert [(shot.strangers[0].x0, shot.strangers[0].x1) for shot in shots] == [(430, 440)] * 2


def test_pictures_that_changed_are_refused(folder_of_pictures, tmp_path):
    (result,) = results_of([folder_of_pictures])
    shots = chosen(folder_of_pictures)
    cv2.imwrite(str(tmp_path / "in" / "2.png"), picture(3)[:, :300])
    with pytest.raises(SourceError, match="in has changed since it was analysed: ") as told:
        next(decoded(result, shots))
    assert told.value.hint == "analyse it again"
    (tmp_path / "in" / "2.png").unlink()
    with pytest.raises(SourceError, match="in has changed"):
        next(decoded(result, shots))


def test_a_box_outside_of_its_picture_tells_that_it_changed(folder_of_pictures, tmp_path):
    """Of pictures that were named one by one nothing else does."""
    (result,) = results_of([folder_of_pictures])
    result = replace(result, uri="1.png and 1 more")
    cv2.imwrite(str(tmp_path / "in" / "2.png"), picture(3)[:, :200])
    found = decoded(result, chosen(folder_of_pictures))
    assert next(found)[0].size_px == (440, 240)
    with pytest.raises(SourceError, match=r"2\.png has changed since it was analysed: .* 200 x 240"):
        next(found)


def test_what_is_no_result_is_refused(tmp_path):
    with pytest.raises(SourceNotFound, match="no finished results"):
        results_of([tmp_path])
    (tmp_path / "analysis.json").write_text('{"kind": "video"}')
    with pytest.raises(MediaError, match="cannot be read"):
        results_of([tmp_path])


@pytest.mark.parametrize("spoil", [lambda data: data[: len(data) // 2], lambda data: b""])
def test_a_damaged_table_is_told(analysed, tmp_path, spoil):
    folder = write_results(tmp_path / "a", analysed.parent / "my clip.mp4", [row(0.0, 1, "real")])
    table = folder / "frames.parquet"
    table.write_bytes(spoil(table.read_bytes()))
    with pytest.raises(MediaError, match=r"frames\.parquet cannot be read"):
        chosen(folder)


def test_names_are_plain_and_unlike_each_other():
    name_for = unlike()
    assert [name_for(plain(name)) for name in ("Ä b?&#.mp4", "ä b.mp4", "..", "Clip", "clip")] == [
        "b-.mp4", "b.mp4", "recording", "Clip", "clip-2",
    ]  # fmt: skip
