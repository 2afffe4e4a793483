"""A link to a statement that is over: it says so, and whom to ask."""

from api.shared import path_of
from inventory.assurance import shared_links
from inventory.ground import clock
from tests.integration.assurance.test_statements import IN_A_WEEK
from tests.world import MANAGER


async def test_a_link_that_is_over_says_so_and_whom_to_ask_and_nothing_else(visitor, application):
    made = await shared_links.share("C-TELCO", by=MANAGER, expires_at=clock.now() + IN_A_WEEK)
    secret = application.state["settings"].secret
    path, unheard_of = path_of(made.token or "", secret), path_of("never-made", secret)
    reader = await visitor()
    assert (await reader.get(path)).status_code == 200
    await shared_links.revoke(made.id, by=MANAGER)

    pages = [(await reader.get(address)).text.replace(address, "") for address in (path, unheard_of, f"{path}x")]
    assert "该链接已到期或已被撤回" in pages[0]
    assert "请联系提供链接的人员" in pages[0]
    assert "概览" not in pages[0]
    assert pages[0].count("/sign-in") == 0
    assert len({page.replace("x", "") for page in pages}) == 1
