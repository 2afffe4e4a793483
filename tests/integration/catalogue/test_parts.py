"""Parts as the catalogue shows them."""

from datetime import timedelta

from inventory.catalogue import parts
from inventory.catalogue.register import NewFailureRate, enter_failure_rates
from inventory.ground import clock
from tests.world import FAN, PLANNER, SETUP


async def test_a_part_shows_the_rate_that_holds_today(company):
    tomorrow = clock.today() + timedelta(days=1)
    await enter_failure_rates(
        [
            NewFailureRate(
                part=FAN,
                valid_from=tomorrow,
                annual_rate=0.5,
                shape=5,
                exposure_device_years=10,
                failures=5,
                device_years=10,
                source="field_record",
            )
        ],
        by=SETUP,
    )
    today = await parts.part(FAN, seen_by=PLANNER)
    (listed,) = await parts.parts(limit=1, seen_by=PLANNER, search=FAN)
    with clock.at(clock.now() + timedelta(days=1)):
        then = await parts.part(FAN, seen_by=PLANNER)

    assert (today.annual_failure_rate, today.failure_rate_source) == (0.01, "assumed")
    assert listed.annual_failure_rate == 0.01
    assert (then.annual_failure_rate, then.failure_rate_source) == (0.5, "field_record")
