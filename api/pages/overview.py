"""The overview: how things stand now."""

from urllib.parse import quote

from litestar import get

from api.access import signed_in
from api.pages.rendering import Page, PageRequest
from inventory.assurance.board import board
from inventory.ground.steps import StepView


@get("/", guards=[signed_in])
async def show_overview(request: PageRequest) -> Page:
    """Show the board."""
    return Page("overview.html", board=await board(seen_by=request.user), duty_address=_duty_address)


def _duty_address(duty: StepView) -> str:
    """Where the thing a duty is about is dealt with."""
    match duty.subject_kind:
        case "handover":
            return "/my-parts"
        case "reservation":
            return f"/reservations/{duty.subject}"
        case "place":
            return f"/counts?depot={quote(duty.subject)}"
        case "level":
            return f"/parts/{quote(duty.subject.split('/')[1], safe='')}"
        case _:
            return f"/find?q={quote(duty.subject)}"


handlers = [show_overview]
