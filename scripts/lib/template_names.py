"""Print the names that the templates use, one `_.name` a line: vulture reads Python only."""

import sys
from pathlib import Path

from jinja2 import Environment, nodes

environment = Environment(autoescape=True)
names: set[str] = set()
for path in Path("src/hune").glob("**/templates/**/*"):
    if path.is_file():
        template = environment.parse(path.read_text(), filename=str(path))
        names |= {node.attr for node in template.find_all(nodes.Getattr)}
        names |= {node.name for node in template.find_all(nodes.Name)}
sys.stdout.writelines(f"_.{name}\n" for name in sorted(names))
