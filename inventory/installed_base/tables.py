"""What the customers run, what was promised for it, and what failed."""

from piccolo.columns import Array, Integer, Serial, Time
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import DeviceModel, Part
from inventory.ground.columns import (
    addressable,
    day,
    flag,
    instant,
    key,
    link,
    note,
    optional_day,
    optional_instant,
    optional_link,
    optional_money,
    optional_real,
    optional_text,
    optional_whole,
    real,
    reference,
    text,
    whole,
)
from inventory.places.tables import Party, Place


class Calendar(Table, tablename="calendar", help_text="Working hours: which limit of a contract holds at an instant"):
    """Weekly working hours in a time zone, with a region's public holidays."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    name_zh = text()
    name_en = text()
    time_zone = text()
    working_days = Array(base_column=Integer(), default=None, null=False)
    opens_at = Time(default=None, null=False)
    closes_at = Time(default=None, null=False)
    holidays = optional_text()

    calendar_opens_before_it_closes = Check("opens_at < closes_at")
    calendar_holidays_are_known = Check("holidays IN ('CN')")
    calendar_can_be_addressed = addressable("code")


class ServiceClass(
    Table, tablename="service_class", help_text="A class of promise: on site within hours, for a share of calls"
):
    """A row of the plan: parts at the site within `time_to_site_hours` in `target_fraction` of all failures."""

    id = Serial(primary_key=True)
    code = text(unique=True)
    time_to_site_hours = real()
    target_fraction = real()

    service_class_time_is_positive = Check("time_to_site_hours > 0")
    service_class_target_is_a_share = Check("target_fraction BETWEEN 0 AND 1")
    service_class_can_be_addressed = addressable("code")


class Contract(Table, tablename="contract", help_text="What was promised to a customer"):
    """A maintenance contract; its limits stand in its service terms.

    `parts_charged` says when its customer pays for parts (empty: they are covered), `served_after_end` that its devices are
    still served, for money, when it has ended. `swap_runs_from` says from when on the limit of a whole-unit swap runs (empty:
    not agreed, and taken to run from the report), `lends_equal_function` that a loaner is promised until a repair is done.
    Its own margin and labour price go before those of the house.
    """

    id = Serial(primary_key=True)
    code = text(unique=True)
    customer = link(Party, index=True)
    name_zh = text()
    name_en = text()
    calendar = link(Calendar)
    service_class = link(ServiceClass)
    starts_on = day()
    ends_on = optional_day()
    minimum_provenance = text()
    dedicated_stock = flag(default=False)
    customer_keeps_disks = flag(default=False)
    part_travels = text()
    fitting_hours = real()
    parts_charged = optional_text()
    served_after_end = flag(default=False)
    swap_runs_from = optional_text()
    lends_equal_function = flag(default=False)
    margin_percent = optional_money()
    labour_cny = optional_money()
    terms = note()

    contract_part_travels_is_known = Check("part_travels IN ('with_engineer', 'ahead')")
    contract_parts_charged_is_known = Check("parts_charged IN ('out_of_warranty', 'always')")
    contract_swap_runs_from_is_known = Check("swap_runs_from IN ('report', 'repair_limit', 'decision')")
    contract_prices_are_not_negative = Check("margin_percent >= 0 AND labour_cny >= 0")
    contract_fitting_time_is_not_negative = Check("fitting_hours >= 0")
    contract_ends_after_it_starts = Check("ends_on IS NULL OR ends_on >= starts_on")
    contract_provenance_is_known = Check(
        "minimum_provenance IN ('maker_direct', 'authorised_channel', 'vendor_exchange', 'recovered', 'pulled', 'broker')"
    )
    contract_can_be_addressed = addressable("code")


class SeverityDefinition(
    Table, tablename="severity_definition", help_text="What a contract calls how bad: general and severe, or P1 to P4"
):
    """A severity with its words; those without a contract hold for every contract that defines none of its own."""

    id = Serial(primary_key=True)
    contract = optional_link(Contract, index=True)
    code = text()
    name_zh = text()
    name_en = text()
    definition_zh = note()
    definition_en = note()
    rank = whole()
    priority_class = text()

    severity_definition_is_unique = Unique([contract, code], nulls_distinct=False)


class ForbiddenPart(
    Table, tablename="forbidden_part", help_text="A part that a contract does not let into its devices"
):
    """A part number a contract forbids, with the reason; while that is in force it is neither suggested nor sent."""

    id = Serial(primary_key=True)
    contract = link(Contract)
    part = link(Part, index=True)
    reason = note()
    in_force = flag(default=True)

    forbidden_part_is_named_once = Unique([contract, part])


class ServiceTerm(
    Table, tablename="service_term", help_text="A contract's limits for a severity, in or outside working hours"
):
    """The clocks of one contract × severity × calendar; a missing limit was not promised."""

    id = Serial(primary_key=True)
    contract = link(Contract)
    severity = text()
    hours = text()
    answer_minutes = optional_whole()
    arrive_hours = optional_real()
    repair_hours = optional_real()
    swap_complete_hours = optional_real()
    progress_minutes = optional_whole()
    report_hours = optional_whole()

    service_term_is_unique = Unique([contract, severity, hours])
    service_term_hours_are_known = Check("hours IN ('working', 'non_working')")


class Device(Table, tablename="device", help_text="A covered machine at a customer's site"):
    """One device of the installed base; its `environment` is its own, where it stands otherwise than its site says.

    `successor` is the device that took its place when it was swapped whole.
    """

    id = Serial(primary_key=True)
    serial = text(unique=True)
    registration_number = optional_text(unique=True)
    model = link(DeviceModel)  # its index is in SQL: Piccolo would name it like the table device_model
    site = link(Place, index=True)
    contract = link(Contract, index=True)
    firmware = optional_text()
    environment = optional_text()
    installed_on = day()
    warranty_until = optional_day()
    retired_on = optional_day()
    successor = optional_link("self")

    device_retires_after_it_is_installed = Check("retired_on IS NULL OR retired_on >= installed_on")
    device_environment_is_known = Check(
        "environment IN ('data_centre', 'server_room', 'office', 'industrial', 'outdoor')"
    )
    device_can_be_addressed = addressable("serial")


class FittedPart(
    Table, tablename="fitted_part", help_text="Which piece sat in which device, from when until when (D38, D58)"
):
    """A replacement: what went in, and later what came out."""

    id = key()
    device = link(Device, index=True)
    part = link(Part)
    position = optional_text()
    serial = optional_text()
    fitted_at = instant()
    document_number = text()
    removed_at = optional_instant()
    removed_by_document = optional_text()

    fitted_part_is_removed_after_it_was_fitted = Check("removed_at >= fitted_at")


class WarrantyLookup(
    Table, tablename="warranty_lookup", help_text="What the maker said about a device's warranty, and when"
):
    """One look-up; its screenshot is attached to it. The latest one tells the device's warranty."""

    id = key()
    device = link(Device, index=True)
    looked_up_at = instant()
    looked_up_by = text()
    result = text()
    warranty_until = optional_day()
    asked = text()
    remark = note()

    warranty_lookup_result_is_known = Check("result IN ('in_warranty', 'out_of_warranty', 'not_found')")
    warranty_lookup_tells_until_when = Check("(result = 'in_warranty') <= (warranty_until IS NOT NULL)")


class Failure(Table, tablename="failure", help_text="A part failed in a device; one row per incident"):
    """A failure event; corrected by withdrawing it with a reason, never by editing."""

    id = key()
    device = link(Device)
    part = link(Part)
    position = optional_text()
    occurred_at = instant()
    recorded_at = instant()
    recorded_by = text()
    code = optional_text()
    source = optional_text()
    reference_number = optional_text()
    request = reference(index=True)
    withdrawn_at = optional_instant()
    withdrawn_reason = note()

    failure_is_recorded_after_it_occurred = Check("occurred_at <= recorded_at + interval '5 minutes'")
    failure_reference_is_unique = Unique([source, reference_number])
