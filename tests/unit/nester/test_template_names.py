"""What only templates use is known to vulture, which reads nothing but Python."""

from pathlib import Path

from jinja2 import Environment, nodes

from support import golden

ROOT = Path(__file__).parents[3]
HEAD = "# Names that templates use, written by the tests: GOLDEN=write scripts/test tests/unit/nester\n"


def test_names_that_templates_use_are_known_to_vulture() -> None:
    environment, names = Environment(autoescape=True), set()
    for path in sorted((ROOT / "src" / "hune").glob("**/templates/**/*")):
        if path.is_file():
            template = environment.parse(path.read_text(), filename=str(path))
            names |= {node.attr for node in template.find_all(nodes.Getattr)}
            names |= {node.name for node in template.find_all(nodes.Name)}
    golden.check(ROOT / "tests" / "vulture_templates.py", HEAD + "".join(f"_.{name}\n" for name in sorted(names)))
