"""Ground tables: what every document leaves behind or leans on."""

from piccolo.columns import Array, BigSerial, Varchar
from piccolo.constraints import Check, Unique
from piccolo.table import Table

from inventory.ground.columns import (
    LONG,
    binary,
    document,
    flag,
    instant,
    key,
    link,
    note,
    optional_binary,
    optional_instant,
    optional_text,
    optional_whole,
    text,
    whole,
)


class AuditEntry(Table, tablename="audit_entry", help_text="Who changed what, when and why; append-only"):
    """One change of something that is not stock (stock has its own ledger)."""

    id = key()
    recorded_at = instant(index=True)
    actor = text()
    acts_for = optional_text()
    action = text()
    subject_kind = text()
    subject = text(index=True)
    change = document(default="{}")
    reason = note()
    request_id = optional_text()


class Step(Table, tablename="step", help_text="An open duty: who must do what by when"):
    """Every open step has an owner and a due time (D92).

    `rung` counts the rungs of its escalation; at `escalates_at` it climbs the next one, never where that is empty.
    """

    id = key()
    kind = text()
    subject_kind = text()
    subject = text()
    owner_role = text()
    owner = optional_text()
    place_code = optional_text()
    opened_at = instant()
    due_at = instant()
    rung = whole(0)
    escalates_at = optional_instant()
    acknowledged_at = optional_instant()
    acknowledged_by = optional_text()
    done_at = optional_instant()
    done_by = optional_text()

    step_is_done_by_someone = Check("(done_at IS NULL) = (done_by IS NULL)")
    step_is_acknowledged_by_someone = Check("(acknowledged_at IS NULL) = (acknowledged_by IS NULL)")


class Escalation(Table, tablename="escalation", help_text="A late duty handed up: which rung, to whom; append-only"):
    """One rung that a step climbed; `told` is empty where nobody was on duty."""

    id = key()
    step = link(Step)
    rung = whole()
    who = text()
    told = Array(base_column=Varchar(length=LONG), default=None, null=False)
    escalated_at = instant()

    escalation_climbs_a_rung_once = Unique([step, rung])


class Event(Table, tablename="event", help_text="What other systems may want to know, in order"):
    """An outgoing event; `sequence` is its place in the stream."""

    sequence = BigSerial(primary_key=True)
    kind = text(index=True)
    subject_kind = text()
    subject = text(index=True)
    place_code = optional_text()
    contract_code = optional_text()
    closed = flag(default=False)
    occurred_at = instant()
    payload = document()


class IdempotencyKey(Table, tablename="idempotency_key", help_text="First answers, kept to be given again"):
    """One caller's key with the fingerprint of its request and the answer it got."""

    caller = Varchar(length=200, default=None, null=False)
    key = Varchar(length=255, default=None, null=False)
    fingerprint = binary()
    status = optional_whole()
    body = optional_binary()
    media_type = optional_text()
    created_at = instant(index=True)

    idempotency_key_is_one_callers = Unique([caller, key])


class StoredFile(Table, tablename="stored_file", help_text="Letters, photos, papers: kept whole, named by content"):
    """A file as it was given to us."""

    id = key()
    name = text()
    media_type = text()
    sha256 = binary()
    content = binary()
    size_bytes = whole()
    stored_at = instant()
    stored_by = text()

    stored_file_is_kept_once = Unique([sha256, media_type])


class Attachment(Table, tablename="attachment", help_text="A stored file that belongs to a document; append-only"):
    """A signed form, a photo, a paper; one put there by mistake is withdrawn with a reason, never deleted."""

    id = key()
    subject_kind = text()
    subject = text(index=True)
    stored_file = link(StoredFile)
    kind = text()
    name = text()
    remark = note()
    attached_at = instant()
    attached_by = text()
    withdrawn_at = optional_instant()
    withdrawn_by = optional_text()
    withdrawn_reason = note()

    attachment_kind_is_known = Check("kind IN ('signed_form', 'photo', 'log', 'test_result', 'other')")
    attachment_is_withdrawn_by_someone = Check("(withdrawn_at IS NULL) = (withdrawn_by IS NULL)")


class Job(Table, tablename="job", help_text="Long work somebody waits for: progress, result, cancel"):
    """What `/jobs/{id}` shows; the work itself runs on the queue."""

    id = key()
    kind = text()
    state = text()
    progress = whole(0)
    message = note()
    payload = document(default="{}")
    result = document(default="{}")
    requested_by = text()
    requested_at = instant()
    stopping_right = text()
    finished_at = optional_instant()
    cancel_requested = flag(default=False)

    job_state_is_known = Check("state IN ('queued', 'running', 'done', 'failed', 'cancelled')")
    job_progress_is_a_percentage = Check("progress BETWEEN 0 AND 100")
