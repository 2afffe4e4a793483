"""Places and parties: where a unit can be, and whose it can be."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.ground.columns import (
    addressable,
    flag,
    link,
    money,
    optional_instant,
    optional_link,
    optional_text,
    real,
    text,
)

STORE_KINDS = ("depot", "onsite_store", "engineer_stock")
"""Places that hold stock levels; all other kinds hold only units and movements."""


class Party(Table, tablename="party", help_text="Ourselves, customers, vendors and makers; anyone who can own a unit"):
    """A company; one may be customer, vendor and maker at once."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    name_zh = text()
    name_en = text()
    is_ourselves = flag(default=False)
    is_customer = flag(default=False)
    is_vendor = flag(default=False)
    is_maker = flag(default=False)
    phone = optional_text()
    email = optional_text()

    party_can_be_addressed = addressable("code")


class Place(Table, tablename="place", help_text="Where a unit can be: stores hold levels, the others only units"):
    """A depot, an on-site store, an engineer's stock; or outside: a site, a vendor, on the road, scrapped.

    `environment` is what devices of a site stand in; it changes how often they fail. A store that is frozen gives nothing
    away, not even what was promised before.
    """

    id = Serial(primary_key=True)
    code = text(unique=True)
    kind = text()
    name_zh = text()
    name_en = text()
    city_zh = optional_text()
    city_en = optional_text()
    party = optional_link(Party)
    environment = optional_text()
    out_of_service_at = optional_instant()
    frozen_at = optional_instant()

    place_kind_is_known = Check(
        "kind IN ('depot', 'onsite_store', 'engineer_stock', 'site', 'vendor', 'transit', 'scrap', 'adjustment', "
        "'unpapered')"
    )
    place_environment_is_known = Check(
        "environment IN ('data_centre', 'server_room', 'office', 'industrial', 'outdoor')"
    )
    place_frozen_is_out_of_service = Check("frozen_at IS NULL OR out_of_service_at IS NOT NULL")
    place_can_be_addressed = addressable("code")


class Bin(Table, tablename="bin", help_text="A place inside a store"):
    """A bin location (库位)."""

    id = Serial(primary_key=True)
    place = link(Place)
    code = text()

    bin_code_is_unique_in_its_store = Unique([place, code])


class Lane(Table, tablename="lane", help_text="How stock moves from one store to another, how fast and for what"):
    """One way of moving parts between two stores."""

    id = Serial(primary_key=True)
    from_place = link(Place)
    to_place = link(Place)
    mode = text()
    hours = real()
    fixed_cost_cny = money()
    unit_cost_cny = money()
    carries_lithium = flag(default=True)

    lane_is_unique = Unique([from_place, to_place, mode])
    lane_mode_is_known = Check("mode IN ('courier', 'same_city_courier', 'own_car', 'hand_carried')")
    lane_leads_elsewhere = Check("from_place <> to_place")
    lane_hours_are_positive = Check("hours > 0")


class Coverage(Table, tablename="coverage", help_text="Which stores can serve a site, and how fast"):
    """Travel from a store to a customer's site (D97)."""

    id = Serial(primary_key=True)
    store = link(Place)
    site = link(Place, index=True)
    travel_hours = real()

    coverage_is_unique = Unique([store, site])
    coverage_travel_is_not_negative = Check("travel_hours >= 0")
