"""Takes screenshots of a page of results as people see it: at desktop and phone width, light and dark.

    python3 scripts/screenshots.py results/DIR/report.html /tmp/shots

Fails where a page scrolls sideways or its script has an error. Needs `pip install playwright` and a
Chromium: `playwright install chromium`, or one that is named by CHROMIUM.
"""

import os
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

WIDTHS = {"desktop": 1280, "phone": 390}
# A screenshot is cut in pieces of this height, so that each can be looked at.
PIECE = 1800


def main(page, folder):
    folder.mkdir(parents=True, exist_ok=True)
    wrong = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=os.environ.get("CHROMIUM"))
        for name, width in WIDTHS.items():
            for scheme in ("light", "dark"):
                wrong += look(browser, page, folder / f"{page.stem}-{name}-{scheme}", width, scheme)
        browser.close()
    for error in wrong:
        print(error, file=sys.stderr)
    return 1 if wrong else 0


def look(browser, page, stem, width, scheme):
    """Takes the pieces of one look; what is wrong with it."""
    wrong = []
    context = browser.new_context(viewport={"width": width, "height": PIECE}, color_scheme=scheme)
    tab = context.new_page()
    tab.on("pageerror", lambda error: wrong.append(f"{stem.name}: {error}"))
    tab.goto(page.resolve().as_uri())
    tab.evaluate("document.querySelectorAll('details').forEach(closed => closed.open = true)")
    wide, high = tab.evaluate("(page => [page.scrollWidth, page.scrollHeight])(document.documentElement)")
    if wide > width:
        wrong.append(f"{stem.name}: {wide} pixels wide, the window has {width}")
    for piece, top in enumerate(range(0, high, PIECE)):
        tab.evaluate(f"scrollTo(0, {top})")
        tab.screenshot(path=f"{stem}-{piece}.png")
    context.close()
    return wrong


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2])))
