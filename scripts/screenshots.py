"""Pictures of a page as people see it: `screenshots.py PAGE FOLDER`, or `screenshots.py PAGE FILE.png` for one.

Into a folder go pictures at the widths of a phone, a laptop and a large screen, light and dark, of the first
screen and of the whole page. A file gets the first screen of a laptop, in light, in at most --bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from PIL import Image

from trastuz_ml.errors import ConfigurationError, TrastuzError
from trastuz_ml.files import require_free, whole_file
from trastuz_ml.report.pdf import QUIET, require_browser, sandbox

WIDTHS = {390: 844, 1280: 800, 1920: 1080}
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
COLOURS = 256


@contextmanager
def opened_browser() -> Iterator[Any]:
    """Open the browser that is on the machine, without a window; nothing is downloaded."""
    from playwright.sync_api import sync_playwright

    program = require_browser()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=program, args=[*QUIET, *sandbox()], chromium_sandbox=not sandbox()
        )
        yield browser
        browser.close()


def picture(
    browser: Any, page: Path, width: int, scheme: Literal["light", "dark"] = "light", *, whole: bool = False
) -> bytes:
    """Return a page as PNG, its first screen or the whole of it, in at most 256 colours."""
    context = browser.new_context(viewport={"width": width, "height": WIDTHS[width]}, color_scheme=scheme)
    tab = context.new_page()
    tab.goto(page.absolute().as_uri())
    taken = tab.screenshot(full_page=whole, animations="disabled")
    context.close()
    # Few colours are in a page, and half of the bytes then.
    small = io.BytesIO()
    few = Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
    few.save(small, "PNG", optimize=True)
    return small.getvalue()


def write_pictures(page: Path, folder: Path) -> list[Path]:
    """Write all pictures of a page into a folder; those of its last time are replaced."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with opened_browser() as browser:
        for width in WIDTHS:
            for scheme in SCHEMES:
                for part in ("first", "whole"):
                    path = folder / f"{page.stem}-{width}-{scheme}-{part}.png"
                    _write(picture(browser, page, width, scheme, whole=part == "whole"), path)
                    written.append(path)
    return written


def write_picture(page: Path, out: Path, *, most: int, force: bool = False) -> None:
    """Write the first screen of a laptop.

    Raises
    ------
    ConfigurationError
        If the picture is larger than ``most`` bytes; nothing is written then.
    """
    require_free(out, force=force)
    with opened_browser() as browser:
        taken = picture(browser, page, 1280)
    if len(taken) > most:
        raise ConfigurationError(f"The picture has {len(taken):,} bytes: expected at most {most:,}.")
    out.parent.mkdir(parents=True, exist_ok=True)
    _write(taken, out)


def _write(taken: bytes, path: Path) -> None:
    with whole_file(path) as partial:
        partial.write_bytes(taken)


def main(arguments: Sequence[str] | None = None) -> int:
    """Take the pictures; exit code 1 with a message when they cannot be taken."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("page", type=Path, help="a report, as trastuz-ml compare writes it")
    parser.add_argument("output", type=Path, help="a folder, or a file ending in .png")
    parser.add_argument("--bytes", type=int, default=300_000, dest="most", help="of the one file, at most")
    parser.add_argument("--force", action="store_true", help="replace a file that is already there")
    given = parser.parse_args(arguments)
    try:
        if not given.page.is_file():
            raise ConfigurationError(f"{given.page}: there is no such page.")
        if given.output.suffix.lower() == ".png":
            write_picture(given.page, given.output, most=given.most, force=given.force)
            print(given.output)
        else:
            print(*write_pictures(given.page, given.output), sep="\n")
    except TrastuzError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
