"""Write what the documentation takes from the code: settings, and the schemas of experiments and reports."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from trastuz_ml.experiment.configuration_docs import schema_text, with_tables
from trastuz_ml.report.shape import content_schema

DOCS = Path(__file__).parents[1] / "docs"


def pages(docs: Path = DOCS) -> dict[str, str]:
    """Return the text that each generated file should have, by its name under ``docs/``."""
    return {
        "experiment-file.md": with_tables((docs / "experiment-file.md").read_text(encoding="utf-8")),
        "experiment.schema.json": schema_text(),
        "report.schema.json": json.dumps(content_schema(), indent=1) + "\n",
    }


def main() -> int:
    """Write the files that differ, and name them."""
    for name, text in pages().items():
        path = DOCS / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"{path.relative_to(DOCS.parent)}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
