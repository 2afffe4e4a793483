"""Who answers for an emergency: the project manager on duty (D72, D73)."""

from inventory.ground import clock, db


async def owner_now() -> str:
    """Who answers for an emergency that opens now: the project manager on duty, else the first there is."""
    return await db.fetch_value(
        """SELECT coalesce(
               (SELECT person.username FROM duty_shift JOIN person ON person.id = duty_shift.person
                WHERE duty_shift.role = 'project_manager' AND person.active AND $1 >= starts_at AND $1 < ends_at
                ORDER BY starts_at, person.username LIMIT 1),
               (SELECT person.username FROM role_grant JOIN person ON person.id = role_grant.person
                WHERE role_grant.role = 'project_manager' AND person.active ORDER BY person.username LIMIT 1),
               'project_manager')""",
        clock.now(),
    )
