"""Logs stay bounded and can be followed."""

from __future__ import annotations

from pathlib import Path

from hune.stack import logfiles


def test_a_long_log_is_cut_in_place_and_its_content_kept_aside(tmp_path: Path) -> None:
    log = tmp_path / "prometheus.log"
    with log.open("ab", buffering=0) as writer:
        for number in range(6):
            writer.write(b"%d" % number * 100)
            logfiles.rotate(tmp_path, limit_bytes=50, kept=3)
        writer.write(b"after")
        assert log.read_bytes() == b"after"
    kept = sorted(path.name for path in tmp_path.iterdir())
    assert kept == ["prometheus.log", "prometheus.log.1", "prometheus.log.2", "prometheus.log.3"]
    assert (tmp_path / "prometheus.log.1").read_bytes() == b"5" * 100


def test_a_short_log_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "hub.log").write_text("short")
    logfiles.rotate(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["hub.log"]


def test_the_tail_is_the_last_lines(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("".join(f"line {number}\n" for number in range(5000)))
    lines, position = logfiles.tail(log, 2)
    assert lines == ["line 4998", "line 4999"]
    assert position == log.stat().st_size


def test_following_yields_whole_lines_and_survives_a_cut(tmp_path: Path) -> None:
    log = tmp_path / "hub.log"
    log.write_text("old\n")
    follower = logfiles.Follower({"hub": log}, positions={"hub": 4})
    with log.open("a") as writer:
        writer.write("new\nunfin")
        writer.flush()
        assert list(follower.new_lines()) == [("hub", "new")]
        writer.write("ished\n")
        writer.flush()
        assert list(follower.new_lines()) == [("hub", "unfinished")]
    assert list(follower.new_lines()) == []
    log.write_text("cut\n")
    assert list(follower.new_lines()) == [("hub", "cut")]
