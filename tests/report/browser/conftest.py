"""A real browser and pages in it; each test claims that a page logs nothing and asks for nothing but itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from report.gene_runs import with_genes
from trastuz_ml.cohort.pseudonyms import pseudonyms as keyed
from trastuz_ml.errors import ConfigurationError
from trastuz_ml.report.content import content_of
from trastuz_ml.report.html import render
from trastuz_ml.report.pdf import QUIET, require_browser, sandbox
from trastuz_ml.store.run_folder import Run

IMG = '<img src=x onerror="window.hurt=1">'
SCRIPT = "</script><script>window.hurt=2</script>"
QUOTE = "\"' onfocus=window.hurt=3 autofocus x='"
# What the policy of a page forbids is not always told to the console.
POLICY = (
    "addEventListener('securitypolicyviolation', (e) => console.error('policy', e.violatedDirective, e.sample))"
)
DESK = {"width": 1280, "height": 800}


@dataclass(frozen=True)
class Shown:
    """A page, and what it is rendered from."""

    path: Path
    content: dict[str, Any]

    @property
    def section(self) -> dict[str, Any]:
        return self.content["runs"][0]


@pytest.fixture(scope="package")
def browser() -> Iterator[Any]:
    """The browser of this machine; nothing is downloaded. It ends with the tests of this folder."""
    try:
        program = require_browser()
    except ConfigurationError as reason:
        pytest.skip(str(reason))
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(
            executable_path=program, args=[*QUIET, *sandbox()], chromium_sandbox=not sandbox()
        )
        yield opened
        opened.close()


@pytest.fixture
def see(browser: Any) -> Iterator[Callable[..., Any]]:
    """Open pages; when the test ends, none has said anything to the console or asked for anything but itself."""
    seen = []

    def opening(shown: Shown | Path, **context: Any) -> Any:
        tabs = browser.new_context(**{"viewport": DESK, "reduced_motion": "reduce", **context})
        tabs.add_init_script(POLICY)
        tabs.set_default_timeout(10_000)
        tab, said, asked = tabs.new_page(), [], []
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tabs.on("request", lambda request: asked.append(request.url))
        address = (shown if isinstance(shown, Path) else shown.path).as_uri()
        tab.goto(address)
        seen.append((tab, said, asked, address))
        return tab

    yield opening
    for tab, said, asked, address in seen:
        tab.title()  # whatever was said until now has arrived then
        tab.context.close()
        # A table that is saved stands in the page itself.
        assert (said, {url for url in asked if not url.startswith("data:text/csv;")}) == ([], {address})


@pytest.fixture(scope="package")
def serious() -> Callable[..., list[tuple[str, ...]]]:
    """Find what axe calls serious or critical; figures count as pictures, each with its words."""
    from axe_playwright_python.sync_playwright import Axe

    def finding(tab: Any, off: Sequence[str] = ()) -> list[tuple[str, ...]]:
        rules = {rule: {"enabled": False} for rule in off}
        asked = {"resultTypes": ["violations"], "preload": False, "rules": rules}
        found = Axe().run(tab, context={"exclude": [["svg > *"]]}, options=asked).response["violations"]
        return [
            (one["id"], one["impact"], node["html"][:200], node["failureSummary"][:300])
            for one in found
            if one["impact"] in ("serious", "critical")
            for node in one["nodes"][:3]
        ]

    return finding


@pytest.fixture(scope="package")
def page_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Shown]:
    """Write the page of one or more runs."""

    def writing(*runs: Run, names: dict[str, str] | None = None, share: bool = False) -> Shown:
        everybody = {patient for run in runs for patient in run.patients["patient"]}
        content = content_of(runs, names or keyed(everybody, b"k" * 32), share=share)
        path = tmp_path_factory.mktemp("page") / "report.html"
        path.write_text(render(content), encoding="utf-8")
        return Shown(path, content)

    return writing


@pytest.fixture(scope="package")
def rich_page(page_of: Callable[..., Shown], rich: Run) -> Shown:
    """The page of a made-up run with all that there can be; some had a panel, so that genes are not covered."""
    return page_of(with_genes(rich))


@pytest.fixture(scope="package")
def shared_page(page_of: Callable[..., Shown], large: Run) -> Shown:
    return page_of(with_genes(large), share=True)


@pytest.fixture(scope="package")
def two_page(page_of: Callable[..., Shown], make: Callable[..., Run]) -> Shown:
    return page_of(make(name="first"), make(name="second", seed=1, simulated=False))


@pytest.fixture(scope="package")
def hostile_page(page_of: Callable[..., Shown], make: Callable[..., Run]) -> Shown:
    """A page whose run, genes, covariates, levels and even pseudonyms would do something as markup."""
    run = with_genes(make(genes=(IMG, SCRIPT), covariate=QUOTE, name=IMG, patients=24, fillers=2), SCRIPT)
    run = replace(run, associations=run.associations.assign(gene=run.associations["gene"].replace("ANKRD44", IMG)))
    names = {patient: f"{IMG}{SCRIPT}{place}" for place, patient in enumerate(run.patients["patient"])}
    return page_of(run, names=names)
