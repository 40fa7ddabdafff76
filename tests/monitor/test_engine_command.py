"""`monitor engine`: plans and graphs built, listed, looked into and thrown away, as people do it."""

import json
import sys

import pytest

from engines.files import sha256
from engines.machine import nvidia_gpu
from monitor.cli import main
from tests.bundles import tiny_bundle

pytest.importorskip("tensorrt_rtx")


@pytest.fixture
def engine(tmp_path, monkeypatch, capsys):
    """Runs `monitor engine WORDS`; (status, standard output, standard error)."""
    monkeypatch.setenv("MONITOR_CACHE", str(tmp_path / "cache"))
    bundle = tiny_bundle(tmp_path / "tiny", filters=16)

    def run(*words):
        more = ("--bundle", str(bundle.folder)) if words[0] in ("build", "bench") else ()
        monkeypatch.setattr(sys, "argv", ["monitor", "engine", *words, *more])
        status = main()
        said = capsys.readouterr()
        return status, said.out, said.err

    run.folder = tmp_path / "cache/engines"
    return run


@pytest.mark.parametrize(
    ("precision", "products"), [("fp16", "16 of 16 in Half"), ("int8", "14 of 16 in Int8, 2 of 16 in Float")]
)
def test_a_plan_is_built_once_and_proves_its_precision(engine, precision, products):
    words = ("build", "--runtime", "tensorrt-rtx", "--precision", precision)
    status, said, told = engine(*words)
    assert status == 0
    assert f"products: {products}" in said
    assert ("built, not shown to run" in said) == (precision == "int8")
    assert "(once)" in told
    (plan,) = engine.folder.glob("*.plan")
    stamp = plan.stat().st_mtime_ns
    status, again, told = engine(*words)
    assert (status, told) == (0, "")
    assert f"products: {products}" in again  # told from the cache
    assert plan.stat().st_mtime_ns == stamp
    status, said, _ = engine("inspect", precision, "--layers")
    assert status == 0
    assert f"{products}, as the library reported when it was built" in said
    assert "on this GPU   not loaded: " in said or nvidia_gpu()
    assert said.count("correlation") == 13
    assert "Half -> Half" in said or "Int8 -> Int8" in said


def test_what_differs_is_another_engine(engine):
    for more in ((), ("--max-batch", "8"), ("--capability", "SM89"), ("--workspace-mib", "64")):
        assert engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16", *more)[0] == 0
    assert len(list(engine.folder.glob("*.plan"))) == 4


def test_list_tells_state_and_clean_deletes_what_is_damaged(engine):
    assert "no engine in" in engine("list")[1]
    engine("build")
    engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    (plan,) = engine.folder.glob("*.plan")
    plan.write_bytes(plan.read_bytes()[:-1])
    rows = {row["name"]: row for row in json.loads(engine("list", "--json")[1])}
    assert rows[plan.name]["state"].startswith("is damaged (")
    assert sorted(row["state"] == "ok" for row in rows.values()) == [False, True]
    assert plan.name in engine("list")[1]
    status, said, _ = engine("clean")
    assert (status, said.startswith("deleted 1, ")) == (0, True)
    assert not plan.exists()
    assert len(json.loads(engine("list", "--json")[1])) == 1
    assert "deleted 0, " in engine("clean", "--older", "1")[1]
    assert "deleted 1, " in engine("clean", "--older", "0")[1]
    assert not list(engine.folder.iterdir())


def test_a_damaged_plan_is_built_again_with_the_reason(engine):
    words = ("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    engine(*words)
    (plan,) = engine.folder.glob("*.plan")
    data = bytearray(plan.read_bytes())
    data[len(data) // 2] ^= 1
    plan.write_bytes(data)
    status, _, told = engine(*words)
    assert status == 0
    assert "again: the stored one is damaged (its sha256 differs)" in told


def test_inspect_tells_everything_as_json(engine):
    engine("build", "--runtime", "tensorrt-rtx", "--precision", "int8")
    told = json.loads(engine("inspect", "rtx-int8", "--json")[1])
    assert told["state"] == "ok"
    assert told["facts"]["precision"] == "int8"
    assert set(told["report"]["precision"].values()) == {"Int8", "Float"}
    assert {"name", "kind", "inputs", "constants", "outputs", "nodes"} == set(told["report"]["layers"][0])


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        (("inspect", "nothing"), 2, "nothing fits no engine"),
        (("build", "--portable"), 2, "are for plans"),
        (("build", "--runtime", "tensorrt-rtx", "--capability", "SM1"), 4, "cannot build for SM1"),
    ],
)
def test_what_cannot_be_is_told(engine, words, status, says):
    found, _, told = engine(*words)
    first, second = told.splitlines()[-2:]
    assert found == status
    assert says in first
    assert second.removeprefix("hint: ")


def test_an_engine_travels_only_to_who_trusts_it(engine, tmp_path, monkeypatch):
    engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    assert engine("export", "fp16", str(tmp_path / "usb"))[0] == 0
    (plan,) = (tmp_path / "usb").glob("*.plan")
    monkeypatch.setenv("MONITOR_CACHE", str(tmp_path / "elsewhere"))
    status, _, told = engine("import", str(plan))
    assert status == 2
    assert "was built elsewhere" in told
    assert not (tmp_path / "elsewhere").exists()
    (tmp_path / "elsewhere").write_text("no folder")
    status, _, told = engine("import", str(plan), "--trust")
    assert status == 5
    assert "was not stored" in told
    (tmp_path / "elsewhere").unlink()
    assert engine("import", str(plan), "--trust")[0] == 0
    status, _, told = engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    assert (status, told) == (0, "")  # found, not built
    whole = plan.read_bytes()
    plan.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    status, _, told = engine("import", str(plan), "--trust")
    assert status == 2
    assert "is damaged (its sha256 differs)" in told
    plan.with_name(f"{plan.name}.json").unlink()
    assert "are not both there" in engine("import", str(plan), "--trust")[2]


def exported(engine, folder):
    """A plan in `folder`, and the name it has."""
    engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    assert engine("export", "fp16", str(folder))[0] == 0
    (plan,) = folder.glob("*.plan")
    return plan


def test_an_engine_that_would_not_be_found_by_its_name_is_refused(engine, tmp_path, monkeypatch):
    plan = exported(engine, tmp_path / "usb")
    beside = plan.with_name(f"{plan.name}.json")
    monkeypatch.setenv("MONITOR_CACHE", str(tmp_path / "elsewhere"))
    for name in ("mine.plan", plan.name.removeprefix("tiny"), f"{plan.name}.onnx"):
        (tmp_path / name).write_bytes(plan.read_bytes())
        (tmp_path / f"{name}.json").write_bytes(beside.read_bytes())
        status, _, told = engine("import", str(tmp_path / name), "--trust")
        assert status == 2
        assert f"{name} is not the name it was exported under" in told
        assert not (tmp_path / "elsewhere").exists()
    assert f"then {plan.name.removeprefix('tiny')}" in engine("import", str(tmp_path / "mine.plan"), "--trust")[2]
    assert "used where the bundle tiny," in engine("import", str(plan), "--trust")[1]


def test_an_imported_plan_does_not_take_the_place_of_one_built_here(engine, tmp_path):
    """No two builds give the same bytes."""
    plan = exported(engine, tmp_path / "usb")
    built = (engine.folder / plan.name).read_bytes()
    other, beside = built + b"another build", plan.with_name(f"{plan.name}.json")
    plan.write_bytes(other)
    told = json.loads(beside.read_text()) | {"sha256": sha256(other), "bytes": len(other)}
    beside.write_text(json.dumps(told))
    status, said, told = engine("import", str(plan), "--trust")
    assert (status, told) == (0, "")
    assert "is there already, and stays" in said
    assert (engine.folder / plan.name).read_bytes() == built
    (engine.folder / plan.name).write_bytes(b"damaged")
    status, said, _ = engine("import", str(plan), "--trust")
    assert (status, "used where" in said) == (0, True)
    assert (engine.folder / plan.name).read_bytes() == other


def test_bench_prints_a_table_and_writes_numbers(engine, tmp_path, monkeypatch):
    from engines import work

    monkeypatch.setattr(work, "_EDGE", 128)
    monkeypatch.setattr(work, "_CONVOLUTIONS", ((4, 8), (8, 4)))
    status, said, _ = engine("bench", "--rounds", "3", "--batch", "2", "--json", str(tmp_path / "b.json"))
    assert status == 0
    assert "| onnxruntime | int8 | 2 |" in said
    assert "left out: tensorrt" in said
    told = json.loads((tmp_path / "b.json").read_text())
    assert {row["batch"] for row in told["timings"]} == {2}
    assert set(told["peaks"]) == {"int8", "fp32"}
    assert engine("bench", "--precision", "int4")[0] == 2


def test_float_needs_no_building(engine):
    assert "nothing to build" in engine("build", "--precision", "fp32")[1]
    assert not engine.folder.exists()


def test_what_only_saves_time_is_listed_and_deleted_but_is_no_engine(engine):
    """As after a run on a GPU: its name begins as the plan's does."""
    from engines.cache import Entry

    assert engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")[0] == 0
    (plan,) = engine.folder.glob("*.plan")
    facts = {"runtime": "tensorrt-rtx", "version": "1", "precision": "fp16"}
    Entry(engine.folder, f"{plan.stem}-a-gpu.kernels", facts).keep(b"compiled", pytest.fail)
    assert engine("inspect", "fp16")[0] == 0
    assert f"{plan.stem}-a-gpu.kernels" in engine("list")[1]
    assert "deleted 2" in engine("clean", "--all")[1]


def test_precision_that_was_lost_ends_the_build(engine, monkeypatch):
    """As if the library had put one product into single precision."""
    from engines import plans

    honest = plans.precision_of
    monkeypatch.setattr(plans, "precision_of", lambda layers, nodes: honest(layers, nodes) | {"conv3_2.sum": "Float"})
    status, _, told = engine("build", "--runtime", "tensorrt-rtx", "--precision", "fp16")
    assert status == 4
    assert "1 of 16 products do not run as asked: conv3_2.sum in Float instead of Half" in told
    assert not list(engine.folder.glob("*.plan"))
