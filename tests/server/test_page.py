"""The page in a real browser: type, read, click, by keyboard, on a phone; hostile text stays text."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Iterator

import pytest
from playwright import sync_api

from minent.server import create_app

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no Chromium on this machine")

HOSTILE = '<img src=x onerror="document.title=1"> harbour </textarea><script>document.title=2</script>'


@pytest.fixture(scope="module")
def address(model_folder) -> Iterator[str]:
    import uvicorn

    server = uvicorn.Server(uvicorn.Config(create_app(model_folder), port=0, log_level="error"))
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[object]:
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield started
        started.close()


@pytest.fixture
def page(browser, address) -> Iterator[object]:
    context = browser.new_context(viewport={"width": 375, "height": 700})
    opened = context.new_page()
    opened.set_default_timeout(15_000)
    troubles: list[str] = []
    opened.on("pageerror", lambda error: troubles.append(str(error)))
    opened.on("console", lambda message: troubles.append(message.text) if message.type == "error" else None)
    opened.goto(address)
    yield opened
    context.close()
    assert troubles == []


def test_typing_is_answered_and_a_label_can_be_chosen(page):
    page.fill("#text", "the old harbour near the oak")
    page.wait_for_selector("#labels button")
    assert page.locator("#labels button[aria-pressed=true]").inner_text().startswith("sea")
    assert page.locator("#reading").inner_text() == "the old harbour near the oak"
    assert "harbour" in page.locator("#reading span[class^=for]").all_inner_texts()
    page.locator("#labels button", has_text="wood").click()
    sync_api.expect(page.locator("#chosen")).to_have_text("wood")
    assert "harbour" in page.locator("#reading span[class^=against]").all_inner_texts()
    assert page.locator("#neighbours li").count() > 0
    page.fill("#text", "")
    page.wait_for_selector("#answer", state="hidden")


def test_everything_is_reached_by_keyboard(page):
    page.keyboard.type("the reef")  # the text field has the focus from the start
    page.wait_for_selector("#labels button")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    sync_api.expect(page.locator("#chosen")).to_have_text("wood")
    assert page.evaluate("document.activeElement.dataset.label") == "wood"


def test_hostile_text_is_shown_as_text(page):
    page.fill("#text", HOSTILE)
    page.wait_for_selector("#labels button")
    assert page.locator("#reading").inner_text() == HOSTILE.lower()
    assert page.locator("#reading img, #reading script, #neighbours b b").count() == 0
    assert page.title() == "minent"


def test_nothing_is_wider_than_a_phone(page):
    page.fill("#text", "harbour " + "x" * 300)
    page.wait_for_selector("#labels button")
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_of_many_labels_the_likeliest_are_shown_and_all_can_be(page):
    names = [f"label {at}" for at in range(30)]
    labels = [{"label": name, "probability": round(0.3 - at / 100, 2)} for at, name in enumerate(names)]
    answer = {"text": "reef", "label": "label 20", "labels": labels, "weights": [0] * 4, "ngrams": [], "neighbours": []}
    page.route("**/explain", lambda route: route.fulfill(json=answer))
    page.fill("#text", "reef")
    page.wait_for_selector("#labels button")
    shown = page.locator("#labels bdi")
    assert shown.all_inner_texts() == [*names[:8], "label 20"]  # and the one that is explained
    more = page.locator("#more")
    assert (more.inner_text(), more.get_attribute("aria-expanded")) == ("All 30 labels", "false")
    more.press("Enter")
    assert shown.all_inner_texts() == names
    assert (more.inner_text(), more.get_attribute("aria-expanded")) == ("Only the likeliest", "true")
    more.click()
    assert shown.count() == 9


def test_numbers_stay_in_their_place_beside_text_from_right_to_left(page):
    neighbour = {"text": "good סרט נפלא", "label": "שלילי", "likeness": 0.5}
    ngram = {"ngram": "סרט נפלא", "weight": 0.25}
    answer = {"text": "סרט", "label": "שלילי", "labels": [{"label": "שלילי", "probability": 1}], "weights": [0] * 3}
    page.route("**/explain", lambda route: route.fulfill(json=answer | {"ngrams": [ngram], "neighbours": [neighbour]}))
    page.fill("#text", "סרט")
    page.wait_for_selector("#labels button")
    for place in ("#ngrams li", "#neighbours li"):
        text, number = (page.locator(f"{place} {part}").bounding_box() for part in ("bdi >> nth=-1", "span"))
        assert number["x"] >= text["x"] + text["width"] - 1, place
    assert page.locator("#more").is_hidden()
    assert page.evaluate("getComputedStyle(document.getElementById('reading')).direction") == "rtl"


def test_a_long_text_is_scrolled_in_its_place(page):
    page.fill("#text", "the old harbour " * 2000)
    page.wait_for_selector("#labels button")
    assert page.evaluate("document.documentElement.scrollHeight") < 3000


def test_characters_beyond_the_basic_plane_keep_their_places(page):
    page.fill("#text", "🙂🙂 harbour")
    page.wait_for_selector("#labels button")
    assert "harbour" in page.locator("#reading span[class^=for]").all_inner_texts()


def test_the_api_is_described(page, address):
    page.goto(f"{address}/docs")
    page.wait_for_selector("article")
    assert page.locator("article").count() == 5
    assert "POST /predict" in page.locator("#routes").inner_text()
