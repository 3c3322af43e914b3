"""The page in a real browser: searched, chosen and sorted, by keyboard too, on a phone, printed, without script."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import pytest

from minent import report
from minent.report import Run, Trial
from tests.report.test_report import HOSTILE, LONG, facts, manifest

sync_api = pytest.importorskip("playwright.sync_api", reason="the wheel is tested without playwright")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

ROWS = [
    {
        "text": f"a text of place {place}",
        "label": "no" if place % 3 else "yes",
        "predicted": "maybe",
        "probability": place / 99,
    }
    for place in range(60, 0, -1)
]
ROWS[5]["text"], ROWS[6]["text"], ROWS[7]["text"] = HOSTILE, LONG, "Ein Märchen"


def page_of_errors() -> str:
    return report.render(manifest(facts={**facts(LONG), "errors": ROWS}))


def comparison() -> str:
    texts = tuple(row["text"] for row in ROWS)
    trial = Trial("test.csv", texts, tuple(row["label"] for row in ROWS))
    said = {"a": ("no",) * 60, "b": ("yes",) * 30 + ("no",) * 30, "c": (HOSTILE,) * 60}
    return report.compare([Run(f"{LONG} {name}", manifest(), labels) for name, labels in said.items()], trial)


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def opened(browser) -> Iterator[object]:
    contexts = []

    def open(source: str, width: int = 1200, **options: object):
        context = browser.new_context(viewport={"width": width, "height": 800}, **options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(15_000)
        page.troubles = []
        page.on("pageerror", lambda error: page.troubles.append(str(error)))
        page.on("console", lambda message: page.troubles.append(message.text))
        page.set_content(source)
        return page

    yield open
    for context in contexts:
        assert all(page.troubles == [] for page in context.pages)
        context.close()


def visible(page) -> int:
    return page.locator("#errors tbody tr:visible").count()


def test_errors_are_searched_and_chosen(opened):
    page = opened(page_of_errors())
    bar = page.locator("#errors form.filter")
    assert visible(page) == 60
    assert bar.locator("output").inner_text() == "60 texts"
    bar.get_by_label("search").fill("MÄRCHEN")
    assert visible(page) == 1
    bar.get_by_label("search").fill("place 1")
    bar.get_by_label("true").select_option("yes")
    assert visible(page) == 3  # 12, 15, 18
    assert bar.locator("output").inner_text() == "3 of 60 texts"
    bar.get_by_label("search").fill("")
    bar.get_by_label("true").select_option("all")
    assert visible(page) == 60
    assert bar.locator("select").count() == 1  # all were taken for the same, so there is nothing to choose


def test_everything_is_reached_by_keyboard(opened):
    page = opened(page_of_errors())
    page.locator("#errors input").focus()
    page.keyboard.type("place 2")
    assert visible(page) == 11
    page.keyboard.press("Enter")  # goes nowhere
    assert visible(page) == 11
    page.keyboard.press("Tab")
    page.keyboard.press("ArrowDown")
    assert page.locator("#errors output").inner_text() == "8 of 60 texts"
    for _ in range(5):
        if page.evaluate("document.activeElement.textContent") == "sure":
            break
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.locator("#errors th.number").get_attribute("aria-sort") == "ascending"
    assert page.locator("#errors tbody tr:visible").first.inner_text().startswith("a text of place 2\t")
    page.keyboard.press("Enter")
    assert page.locator("#errors th.number").get_attribute("aria-sort") == "descending"
    assert page.locator("#errors tbody tr:visible").first.inner_text().startswith("a text of place 29")


def test_without_script_the_whole_table_stands(opened):
    page = opened(page_of_errors(), java_script_enabled=False)
    assert page.locator("form.filter").count() == 0
    assert page.locator("#errors tbody tr:visible").count() == 60


def test_a_short_table_has_no_filter(opened):
    page = opened(report.render(manifest()))
    assert page.locator("form.filter").count() == 0


@pytest.mark.parametrize("make", [page_of_errors, comparison])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_is_wider_than_a_phone(opened, make, scheme):
    page = opened(make(), width=375, color_scheme=scheme)
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
    narrow = (
        "[...document.querySelectorAll('.ladder, .texts, .pairs')].every((it) => it.scrollWidth <= window.innerWidth)"
    )
    assert page.evaluate(narrow)
    page.locator("#errors input").fill("Märchen")
    assert visible(page) == 1
    assert page.title() != "1"


def test_in_print_there_is_no_filter_and_forty_rows(opened):
    page = opened(page_of_errors())
    page.emulate_media(media="print")
    assert page.locator("#errors form:visible").count() == 0
    assert visible(page) == 40
    assert page.locator("#errors .printed").is_visible()
    page.emulate_media(media="screen")
    assert not page.locator("#errors .printed").is_visible()


def test_a_comparison_is_filtered_by_what_each_said(opened):
    page = opened(comparison())
    page.locator("#errors").get_by_label("true").select_option("yes")
    assert visible(page) == 20
    page.locator("#errors").get_by_label("wrong").select_option("2")
    assert visible(page) == 10
    assert page.locator("#errors tbody tr:visible .miss").count() == 20
