"""How far a reader's stores reach: the sites they serve, and so the devices, failures and requests there."""


def reached(site: str, depots: str) -> str:
    """The condition that one of the reader's stores serves a site; both are names or places of parameters.

    >>> reached("device.site", "$2").startswith("($2::text[] IS NULL OR")
    True
    """
    return f"""({depots}::text[] IS NULL OR EXISTS (
        SELECT FROM coverage JOIN place AS near ON near.id = coverage.store
        WHERE coverage.site = {site} AND near.code = ANY({depots})))"""
