"""Emergencies: plan 2 (系统应急方案二) with policies, assessments, near misses and cases; plans 3 and 1."""

from piccolo.columns import Serial
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
    day,
    document,
    flag,
    instant,
    key,
    link,
    money,
    note,
    optional_instant,
    optional_link,
    optional_text,
    real,
    text,
    whole,
)
from inventory.places.tables import Party, Place
from inventory.requests.tables import PartRequest
from inventory.stock.tables import Pool


class ActivationPolicy(
    Table, tablename="activation_policy", help_text="When plan 2 opens and what it may buy by itself"
):
    """A version of the policy; a case keeps the version it was judged by (D36)."""

    id = Serial(primary_key=True)
    version = whole()
    activation = text()
    burst_ratio = real()
    false_alarms_per_year = real()
    standing_authority_cny = money()
    restore_within_hours = real()
    shortage_cost_cny_per_unit_hour = money()
    valid_from = instant()
    approved_by = text()
    remark = note()

    activation_policy_version_is_unique = Unique([version])
    activation_policy_is_known = Check("activation IN ('level', 'burst_and_level')")
    activation_policy_numbers_fit = Check(
        "burst_ratio > 1 AND false_alarms_per_year > 0 AND standing_authority_cny >= 0 AND restore_within_hours > 0"
    )


class Assessment(Table, tablename="assessment", help_text="The latest judgement of a part in a store and pool"):
    """Both lines, the projected on-time share and the burst statistic, with the inputs they came from."""

    id = Serial(primary_key=True)
    part = link(Part)
    place = link(Place, index=True)
    pool = link(Pool)
    assessed_at = instant()
    available = whole()
    projected_share = real()
    planned_share = real()
    rate_per_day = real()
    present_rate_per_day = real()
    resupply_days = real()
    critical_point = whole()
    average_failure_line = whole()
    burst_statistic = real()
    burst_threshold = real()
    in_burst = flag(default=False)
    inputs = document()

    assessment_is_one_per_row = Unique([part, place, pool])


class HandSetPoint(
    Table, tablename="hand_set_point", help_text="A critical point a person set, with reason and expiry"
):
    """It counts as it stands until it expires (D41)."""

    id = Serial(primary_key=True)
    part = link(Part)
    place = link(Place)
    pool = link(Pool)
    point = whole()
    reason = text()
    set_at = instant()
    set_by = text()
    expires_at = instant()

    hand_set_point_is_not_negative = Check("point >= 0")
    hand_set_point_is_one_per_row = Unique([part, place, pool])


class NearMiss(Table, tablename="near_miss", help_text="Almost an emergency: recorded and shown"):
    """A burst without a crossing, or a crossing that the policy did not count."""

    id = key()
    part = link(Part)
    place = link(Place)
    pool = link(Pool)
    at = instant(index=True)
    policy_version = whole()
    reason = text()
    evidence = document()

    near_miss_reason_is_known = Check("reason IN ('burst_without_crossing', 'crossing_with_rising_burst')")


class EmergencyCase(Table, tablename="emergency_case", help_text="A declared emergency from evidence to closing note"):
    """A plan-2 case; at most one open per part, store and pool (a partial unique index guards it)."""

    id = key()
    number = text(unique=True)
    part = link(Part)
    place = link(Place, index=True)
    pool = link(Pool)
    state = text()
    cause = text()
    owner = text()
    policy_version = whole()
    opened_at = instant()
    crossed_critical_point = flag(default=False)
    in_burst = flag(default=False)
    under_average_line = flag(default=False)
    drill = flag(default=False)
    evidence = document()
    proposal = document(default="{}")
    proposed_at = optional_instant()
    approved_at = optional_instant()
    approved_by = optional_text()
    approved_for = optional_text()
    approval_basis = optional_text()
    acting_at = optional_instant()
    cover_restored_at = optional_instant()
    closed_at = optional_instant()
    closed_by = optional_text()
    closing_note = note()
    lessons = note()

    emergency_case_state_is_known = Check(
        "state IN ('open', 'proposed', 'approved', 'acting', 'cover_restored', 'closed', 'stood_down')"
    )
    emergency_case_cause_is_known = Check("cause IN ('level', 'burst_and_level', 'declared')")
    emergency_case_is_approved_by_someone = Check("(approved_at IS NULL) = (approved_by IS NULL)")
    emergency_case_ends_once = Check("(state IN ('closed', 'stood_down')) = (closed_at IS NOT NULL)")


class CaseEntry(
    Table, tablename="case_entry", help_text="The log of a case: what happened, when, by whom; append-only"
):
    """One line of a case's log."""

    id = key()
    emergency_case = link(EmergencyCase, index=True)
    at = instant()
    kind = text()
    actor = text()
    facts = document(default="{}")


class CaseSubstitute(
    Table, tablename="case_substitute", help_text="A substitute that a case lets stand in for its part, and how many"
):
    """`set_aside` pieces of the store's own stock; those bought or moved are counted by the case's orders and transfers.

    It counts from when the case was approved until the part's own stock holds again.
    """

    id = key()
    emergency_case = link(EmergencyCase, index=True)
    substitute = link(Part, index=True)
    pieces_each = whole(1)
    set_aside = whole(0)
    proposed_at = instant()
    agreed_at = optional_instant()
    ended_at = optional_instant()

    case_substitute_takes_pieces = Check("pieces_each > 0 AND set_aside >= 0")


DIMENSION_IS_KNOWN = "dimension IN ('part', 'model', 'firmware', 'batch', 'site', 'supplier')"


class RadarRound(
    Table, tablename="radar_round", help_text="How many series the radar watches, by its latest look at all"
):
    """One row: every series gets an equal share of the false alarms a year that the policy allows."""

    id = Serial(primary_key=True)
    looked_at = instant()
    series = whole()

    radar_round_is_one = Check("id = 1")


class RadarSeries(
    Table, tablename="radar_series", help_text="The latest reading of every series in which something failed lately"
):
    """A part, model, firmware level, receipt batch, site or supplier whose failures are tested against what is expected.

    `place` is the site of a site's series and the store of a batch's: whoever is bound to stores sees no other ones.
    Derived from the failures at any time; the series in which nothing failed for a year have no row.
    """

    id = key()
    dimension = text()
    subject = text()
    name = text()
    place = optional_link(Place, index=True)
    looked_at = instant()
    rate_per_day = real()
    rate_shape = real()
    present_rate_per_day = real()
    allowance = real()
    statistic = real()
    threshold = real()
    strength = real()
    in_alarm = flag(default=False)
    began_at = optional_instant()
    alarmed_at = optional_instant()
    failures = whole()
    expected = real()
    windows = document()
    concentrations = document(default="[]")

    radar_series_is_one_per_subject = Unique([dimension, subject])
    radar_series_dimension_is_known = Check(DIMENSION_IS_KNOWN)


class RadarAlarm(
    Table, tablename="radar_alarm", help_text="A burst the radar found: raised, over or withdrawn; never deleted"
):
    """One alarm of a series, with its evidence as it stood when it was raised.

    It is over when its failures no longer outnumber what is expected, and withdrawn when a correction leaves no burst.
    """

    id = key()
    number = text(unique=True)
    dimension = text()
    subject = text()
    name = text()
    place = optional_link(Place)
    state = text()
    policy_version = whole()
    began_at = instant()
    alarmed_at = instant()
    noticed_at = instant()
    ended_at = optional_instant()
    withdrawn_at = optional_instant()
    withdrawn_because = optional_text()
    failures = whole()
    expected = real()
    evidence = document()

    radar_alarm_dimension_is_known = Check(DIMENSION_IS_KNOWN)
    radar_alarm_state_is_known = Check("state IN ('raised', 'over', 'withdrawn')")
    radar_alarm_is_withdrawn_for_a_reason = Check(
        "(state = 'withdrawn') = (withdrawn_at IS NOT NULL) AND (withdrawn_at IS NULL) = (withdrawn_because IS NULL)"
    )
    radar_alarm_withdrawal_is_known = Check("withdrawn_because IN ('records', 'rates')")


class ForceMajeure(
    Table,
    tablename="force_majeure",
    help_text="Plan 3: a store or a customer's site that force majeure put out of service",
):
    """From the declaration to the way back; at most one open per store or site (a partial unique index guards it)."""

    id = key()
    number = text(unique=True)
    place = link(Place, index=True)
    cause = text()
    reason = note()
    owner = text()
    declared_at = instant()
    declared_by = text()
    evidence = document()
    sourced_elsewhere_at = optional_instant()
    closed_at = optional_instant()
    closed_by = optional_text()
    returned = flag(default=False)
    closing_note = note()
    lessons = note()

    force_majeure_cause_is_known = Check(
        "cause IN ('natural_disaster', 'fire', 'water_leak', 'power_outage', 'network_failure', 'lightning', 'war', 'other')"
    )
    force_majeure_is_closed_by_someone = Check("(closed_at IS NULL) = (closed_by IS NULL)")
    force_majeure_returns_at_its_end = Check("closed_at IS NOT NULL OR NOT returned")


class ForceMajeureEntry(
    Table, tablename="force_majeure_entry", help_text="The log of a plan 3: what happened, when, by whom; append-only"
):
    """One line of its log."""

    id = key()
    force_majeure = link(ForceMajeure, index=True)
    at = instant()
    kind = text()
    actor = text()
    facts = document(default="{}")

    force_majeure_entry_kind_is_known = Check(
        "kind IN ('declared', 'sourced_elsewhere', 'measure', 'redirected', 'closed')"
    )


class ExpertAttempt(
    Table,
    tablename="expert_attempt",
    help_text="What our own expert tried for a part request, and whom it was reported to",
):
    """Recorded before a maker is called in; the report to the project manager is written to it once."""

    id = key()
    request = link(PartRequest, index=True)
    expert = text()
    attempted_at = instant()
    tried = note()
    recorded_at = instant()
    recorded_by = text()
    reported_at = optional_instant()
    reported_to = optional_text()
    reported_by = optional_text()

    expert_attempt_is_reported_to_someone = Check(
        "(reported_at IS NULL) = (reported_to IS NULL) AND (reported_at IS NULL) = (reported_by IS NULL)"
    )


class MakerCase(
    Table,
    tablename="maker_case",
    help_text="Plan 1: a maker's support called in for a part request, after our own attempt",
):
    """From the call to its end; at most one open per request and maker (a partial unique index guards it).

    `attempt` is what our expert had tried before; `through` an authorised vendor by which the maker is reached.
    """

    id = key()
    number = text(unique=True)
    request = link(PartRequest, index=True)
    attempt = link(ExpertAttempt)
    maker = link(Party)
    through = optional_link(Party)
    contact = text()
    contact_phone = optional_text()
    contact_verified_on = day()
    reference_number = optional_text()
    state = text()
    owner = text()
    opened_at = instant()
    opened_by = text()
    onsite_at = optional_instant()
    ended_at = optional_instant()
    ended_by = optional_text()
    closing_note = note()
    lessons = note()

    maker_case_state_is_known = Check("state IN ('open', 'at_maker', 'solved', 'closed', 'withdrawn')")
    maker_case_ends_once = Check("(state IN ('closed', 'withdrawn')) = (ended_at IS NOT NULL AND ended_by IS NOT NULL)")
    maker_case_at_the_maker_has_its_reference = Check("state <> 'at_maker' OR reference_number IS NOT NULL")


class MakerCaseEntry(
    Table,
    tablename="maker_case_entry",
    help_text="How a maker's support goes on: what happened, when, by whom; append-only",
):
    """One line of its progress; `at` is when it happened, `recorded_at` when somebody wrote it down."""

    id = key()
    maker_case = link(MakerCase, index=True)
    at = instant()
    recorded_at = instant()
    kind = text()
    actor = text()
    remark = note()
    facts = document(default="{}")

    maker_case_entry_kind_is_known = Check(
        "kind IN ('opened', 'called', 'accepted', 'promised_onsite', 'arrived', 'advice', 'parts_sent', 'no_answer', "
        "'solved', 'reopened', 'closed', 'withdrawn')"
    )
