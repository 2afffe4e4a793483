"""The menu in a real browser: groups closed by keyboard stay closed, and on a phone everything rises from the thumb."""


async def test_a_group_closed_by_keyboard_stays_closed_on_other_pages(people):
    keeper = await people("warehouse_keeper")
    page = keeper.page
    await keeper.open("/")
    summary = page.locator("#menu summary", has_text="库存台账")
    await summary.focus()
    await page.keyboard.press("Enter")
    assert not await page.locator("#menu a[href='/units']").is_visible()

    await page.click("#menu a[href='/receiving']")
    await page.wait_for_url("**/receiving")

    assert not await page.locator("#menu a[href='/units']").is_visible()
    assert await page.locator("#menu a[aria-current]").get_attribute("href") == "/receiving"
    await keeper.open("/units")
    assert not await page.locator("#menu a[href='/units']").is_visible()  # the group says by its mark where one is
    assert await summary.evaluate("summary => getComputedStyle(summary).boxShadow") != "none"


async def test_on_a_phone_every_page_is_in_reach_of_the_thumb(people):
    keeper = await people("warehouse_keeper", phone=True)
    page = keeper.page
    await keeper.open("/")
    await page.click(".bar button")

    sheet = page.locator("#everything")
    box = await sheet.bounding_box()
    assert box is not None
    assert (box["x"], box["width"], box["y"] + box["height"]) == (0, 390, 844)
    assert box["y"] > 844 * 0.2
    targets = await sheet.locator("a").evaluate_all("links => links.map(link => link.getBoundingClientRect().height)")
    assert min(targets) >= 48
    await page.keyboard.press("Escape")
    assert not await sheet.is_visible()
    await page.click(".bar button")
    await sheet.get_by_text("盘点").click()
    await page.wait_for_url("**/counts")
    assert await page.locator(".bar [aria-current]").inner_text() == "更多"
    assert await page.evaluate("document.documentElement.scrollWidth") == 390
