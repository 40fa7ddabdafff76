"""Recipes: the shipped values, what a file may change, and how nonsense is refused before a run begins."""

from dataclasses import asdict, replace

import pytest

pytest.importorskip("keras")

from train.errors import TrainError
from train.recipe import Recipe, load_recipe, preset_recipes


def write(path, text):
    path.write_text(text)
    return path


def test_a_file_changes_what_it_names(tmp_path):
    chosen = load_recipe(
        write(tmp_path / "r.yaml", "pictures: 640\nlearning_rate: 1e-3\nblocks: [[2], [4]]\naugment: {shift: 0.1}\n")
    )
    want = Recipe(pictures=640, learning_rate=1e-3, blocks=((2,), (4,)))
    assert chosen == replace(want, augment=replace(want.augment, shift=0.1))
    assert load_recipe(write(tmp_path / "empty.yaml", "")) == load_recipe(None) == Recipe()


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("lerning_rate: 1", "unknown lerning_rate"),
        ("augment: {shfit: 0.1}", r"unknown augment\.shfit"),
        ("augment: 3", "augment"),
        ("pictures: many", "pictures: .*integer"),
        ("[1, 2]", "a list of key: value"),
        ("pictures: [", "is not YAML: line 1"),
        ("batch: 8\nbatch: 9", "batch stands twice"),
        ("input_px: 100", r"r\.yaml: input_px must be a multiple of 32 in 8\.\.2048.*got 100"),
        ("input_px: 0", "input_px must be a multiple"),
        ("class_shares: [0.5, 0.5, 0.5]", "class_shares must be shares above 0 with the sum 1"),
        ("class_shares: [1]", "class_shares must be shares above 0"),
        ("class_shares: [1.5, -0.6, 0.1]", "class_shares must be shares above 0"),
        ("source_weights: {a: 0}", "source_weights must be numbers above 0"),
        ("source_weights: {a: .inf}", "source_weights must be numbers above 0"),
        ("source_weights: {a: many}", r"source_weights\.a: .*number"),
        ("class_shares: null\nsource_weights: {a: 2}", "source_weights want class_shares"),
        ("average: 1", "average, paired and tutor_weight must be in 0..1"),
        ("tutor_weight: 2", "tutor_weight must be in 0..1"),
        ("paired: 1.5", "average, paired and tutor_weight must be in 0..1"),
        ("mixup: -1", "must be 0 or more"),
        ("patience: 3\naverage: 0.9", "choose one"),
        ("batch: 0", "must be 1 or more"),
        ("margin: -0.1", "margin and seed must be 0 or more"),
        ("seed: -1", "margin and seed must be 0 or more"),
        ("dropout: 1.5", "dropout and label_smoothing must be in 0..1"),
        ("width: 0", "learning_rate and width must be above 0"),
        ("learning_rate: 0", "learning_rate and width must be above 0"),
        ("decay: 2", "warmup and decay must be in 0..1"),
        ("augment: {jpeg_least: 96}", "least_px must be 8 or more, jpeg_least in 1..95"),
        ("augment: {least_px: 0}", "least_px must be 8 or more"),
        ("augment: {zoom: -0.1}", "zoom in 0..2"),
        ("augment: {blur_share: 2}", "augment: blur_share must be in 0..1"),
        ("arch: resnet50\nfrozen_blocks: 1", "frozen_blocks is of vgg16, not resnet50"),
    ],
)
def test_what_does_not_hold_is_named(tmp_path, text, says):
    with pytest.raises(TrainError, match=says) as caught:
        load_recipe(write(tmp_path / "r.yaml", text))
    assert caught.value.hint


def test_presets_load_by_name():
    presets = preset_recipes()
    assert {"even_sources", "guided", "labels", "mobilenetv2", "slow_sources", "tutor", "tutored"} <= presets.keys()
    for name, path in presets.items():
        assert load_recipe(name) == load_recipe(path)
        assert path.read_text().startswith("# ")
    assert load_recipe("guided").wants_teacher
    with pytest.raises(TrainError, match="cannot read the recipe giuded") as caught:
        load_recipe("giuded")
    assert "guided" in caught.value.hint


def test_a_recipe_that_cannot_be_read_is_told(tmp_path):
    with pytest.raises(TrainError, match="cannot read the recipe"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00\xd8")
    with pytest.raises(TrainError, match="is not YAML"):
        load_recipe(tmp_path / "binary.yaml")


def test_the_fields_of_stored_recipes_keep_their_names_and_values():
    """Checkpoints hold them: renaming one, or another default, would end every run that is under way."""
    stored = asdict(Recipe())
    assert stored.pop("augment") == {
        "shift": 0.06, "zoom": 0.15, "turn_deg": 15.0, "tight_share": 0.35, "erase_share": 0.3, "rescale_share": 0.5,
        "least_px": 32, "jpeg_share": 0.5, "jpeg_least": 25, "blur_share": 0.25, "noise_share": 0.25,
        "colour_share": 0.8, "grey_share": 0.08,
    }  # fmt: skip
    assert stored == {
        "pictures": 110_000, "batch": 32, "input_px": 128, "margin": 0.15, "class_shares": (0.4, 0.4, 0.2),
        "learning_rate": 8e-4, "warmup": 0.03, "decay": 0.5, "weight_decay": 1e-4, "label_smoothing": 0.05,
        "dropout": 0.5, "dense": 256,
        "blocks": ((64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)), "bfloat16": True,
        "seed": 1, "arch": "vgg16", "paired": 0.0, "width": 1.0, "frozen_blocks": 0, "mixup": 0.0, "average": 0.0,
        "teacher_weight": 0.0, "patience": 0, "imitate": 0, "tutor_weight": 0.0, "source_weights": {},
    }  # fmt: skip
