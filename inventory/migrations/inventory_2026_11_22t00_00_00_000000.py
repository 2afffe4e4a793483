"""What Piccolo's tables cannot say: the partitioned ledger, append-only guards, partial indexes, the queue."""

from piccolo.apps.migrations.auto.migration_manager import MigrationManager

ID = "2026-11-22T00:00:00:000000"
VERSION = "1.38.0"
DESCRIPTION = "The ledger, its guards, partial indexes and the job queue"

LEDGER = """
CREATE EXTENSION IF NOT EXISTS pg_trgm;
CREATE EXTENSION IF NOT EXISTS btree_gist;

CREATE TABLE movement (
    id             uuid NOT NULL DEFAULT uuidv7(),
    recorded_at    timestamptz NOT NULL,
    occurred_at    timestamptz NOT NULL,
    kind           varchar(200) NOT NULL,
    part           integer NOT NULL REFERENCES part,
    quantity       integer NOT NULL,
    unit           uuid REFERENCES unit,
    lot            uuid REFERENCES lot,
    from_place     integer NOT NULL REFERENCES place,
    from_condition varchar(200) NOT NULL,
    from_owner     integer NOT NULL REFERENCES party,
    from_pool      integer NOT NULL REFERENCES pool,
    from_bin       integer REFERENCES bin,
    to_place       integer NOT NULL REFERENCES place,
    to_condition   varchar(200) NOT NULL,
    to_owner       integer NOT NULL REFERENCES party,
    to_pool        integer NOT NULL REFERENCES pool,
    to_bin         integer REFERENCES bin,
    reservation    uuid,
    document_kind  varchar(200),
    document       varchar(200),
    reason         text NOT NULL DEFAULT '',
    actor          varchar(200) NOT NULL,
    reverses       uuid,
    receipt        uuid,
    PRIMARY KEY (id, recorded_at),
    CONSTRAINT movement_quantity_is_positive CHECK (quantity > 0),
    CONSTRAINT movement_names_its_unit_or_lot CHECK (num_nonnulls(unit, lot) = 1),
    CONSTRAINT movement_moves_one_unit_at_a_time CHECK (unit IS NULL OR quantity = 1),
    CONSTRAINT movement_is_recorded_after_it_occurred CHECK (occurred_at <= recorded_at + interval '5 minutes'),
    CONSTRAINT movement_changes_something CHECK (
        (from_place, from_condition, from_owner, from_pool, from_bin)
        IS DISTINCT FROM (to_place, to_condition, to_owner, to_pool, to_bin)
    )
) PARTITION BY RANGE (recorded_at);

CREATE INDEX movement_part_idx ON movement (part, occurred_at);
CREATE INDEX movement_unit_idx ON movement (unit, recorded_at) WHERE unit IS NOT NULL;
CREATE INDEX movement_lot_idx ON movement (lot, recorded_at) WHERE lot IS NOT NULL;
CREATE INDEX movement_from_idx ON movement (from_place, occurred_at DESC, id DESC);
CREATE INDEX movement_to_idx ON movement (to_place, occurred_at DESC, id DESC);
CREATE INDEX movement_occurred_idx ON movement (occurred_at DESC, id DESC);
CREATE INDEX movement_document_idx ON movement (document) WHERE document IS NOT NULL;
CREATE INDEX movement_receipt_idx ON movement (receipt) WHERE receipt IS NOT NULL;

COMMENT ON TABLE movement IS 'The ledger: append-only, from a place to a place, partitioned by month of recording';

CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: reverse by a new row instead', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'append_only';
END $$;

-- one partition per month; called at every start and daily, so that no movement ever lacks its month
-- as its owner: the service itself makes no tables
CREATE FUNCTION ensure_ledger_months(from_day date, to_day date) RETURNS integer LANGUAGE plpgsql
SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    month date := date_trunc('month', from_day)::date;
    name  text;
    made  integer := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_ledger_months'));
    WHILE month <= to_day LOOP
        name := 'movement_' || to_char(month, 'YYYY_MM');
        IF to_regclass(name) IS NULL THEN
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF movement FOR VALUES FROM (%L) TO (%L)',
                name, month::timestamp AT TIME ZONE 'UTC', (month + interval '1 month') AT TIME ZONE 'UTC'
            );
            EXECUTE format(
                'CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON %I EXECUTE FUNCTION refuse_change()', name
            );
            made := made + 1;
        END IF;
        month := (month + interval '1 month')::date;
    END LOOP;
    RETURN made;
END $$;
"""

GUARDED = (
    *(
        "movement",
        "audit_entry",
        "case_entry",
        "force_majeure_entry",
        "maker_case_entry",
        "event",
        "stored_file",
        "reversal",
        "count_scan",
    ),
    "ledger_seal",
    *("receipt_line", "inspection", "escalation", "escalation_policy", "paper_policy", "count_policy"),
    *(
        "request_policy",
        "return_policy",
        "replenishment_policy",
        "quotation_line",
        "learning",
        "failure_factor",
        "missed_limit",
    ),
    *("order_message", "purchase_policy", "suspect_piece", "exchange_rate", "value_step"),
    *("invoice_line", "invoice_answer"),
    *("inquiry_line", "inquiry_vendor", "vendor_quote", "vendor_quote_line", "inquiry_choice"),
    *("swap_policy", "loan_extension", "fault_report_handover"),
)

GUARDS = "".join(
    f"""
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON {table} EXECUTE FUNCTION refuse_change();
"""
    for table in GUARDED
)

CLOSED_COUNTS = """
-- a posted or cancelled count is a record: neither it, nor its lines, nor what was scanned may change any more
CREATE FUNCTION refuse_change_of_closed_count() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    of_sheet uuid := CASE WHEN TG_TABLE_NAME = 'count_sheet' THEN to_jsonb(coalesce(OLD, NEW)) ->> 'id'
                          ELSE to_jsonb(coalesce(OLD, NEW)) ->> 'sheet' END;
BEGIN
    IF EXISTS (SELECT FROM count_sheet WHERE id = of_sheet AND state IN ('posted', 'cancelled')) THEN
        RAISE EXCEPTION 'count % is closed', of_sheet USING ERRCODE = 'restrict_violation', CONSTRAINT = 'count_is_closed';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER count_is_closed BEFORE UPDATE OR DELETE ON count_sheet
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_closed_count();
CREATE TRIGGER count_is_closed BEFORE INSERT OR UPDATE OR DELETE ON count_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_closed_count();
CREATE TRIGGER count_is_closed BEFORE INSERT ON count_scan
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_closed_count();
"""

SENT_QUOTATIONS = """
-- a quotation stays as it was sent; how it was answered is written to it once, while it is open
CREATE FUNCTION refuse_change_of_sent_quotation() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    answer text[] := ARRAY['state', 'answered_at', 'answered_by', 'said_by', 'answer_reason'];
BEGIN
    IF TG_OP = 'DELETE' OR OLD.state <> 'open' OR to_jsonb(NEW) - answer <> to_jsonb(OLD) - answer THEN
        RAISE EXCEPTION 'quotation % was sent', OLD.number USING ERRCODE = 'restrict_violation',
            CONSTRAINT = 'quotation_stays_as_sent';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER quotation_stays_as_sent BEFORE UPDATE OR DELETE ON quotation
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_sent_quotation();
CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON quotation EXECUTE FUNCTION refuse_change();
CREATE UNIQUE INDEX quotation_is_open_once ON quotation (request) WHERE state = 'open';
CREATE INDEX quotation_due_idx ON quotation (valid_until) WHERE state = 'open';
CREATE UNIQUE INDEX request_approval_is_asked_once ON request_approval (request) WHERE state = 'asked';
"""

COLUMNS_AND_INDEXES = """
-- an attachment may be withdrawn, which is a change, but never deleted
CREATE TRIGGER never_deleted BEFORE DELETE ON attachment FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_deleted_whole BEFORE TRUNCATE ON attachment EXECUTE FUNCTION refuse_change();
-- files are pictures and packed tables mostly: trying to compress them once more only costs time
ALTER TABLE stored_file ALTER COLUMN content SET STORAGE EXTERNAL;

ALTER TABLE level ADD COLUMN free integer GENERATED ALWAYS AS (on_hand - reserved) STORED;
ALTER TABLE level SET (fillfactor = 80);
COMMENT ON COLUMN level.free IS 'What may still be promised';
CREATE INDEX level_below_critical_point_idx ON level (place, part) WHERE critical_point IS NOT NULL;

-- readers of the stream must not overtake a writer that has not committed yet
ALTER TABLE event ADD COLUMN written_in xid8 NOT NULL DEFAULT pg_current_xact_id();

CREATE UNIQUE INDEX step_is_open_once ON step (kind, subject_kind, subject) WHERE done_at IS NULL;
CREATE INDEX step_open_idx ON step (due_at, id) WHERE done_at IS NULL;
CREATE INDEX step_escalates_idx ON step (escalates_at, id) WHERE done_at IS NULL AND escalates_at IS NOT NULL;
CREATE INDEX audit_entry_subject_kind_idx ON audit_entry (subject_kind, subject, recorded_at);

-- nobody holds the same duty twice at once, nor keeps two stores; checked at the end of a statement, so that two may swap
ALTER TABLE duty_shift ADD CONSTRAINT duty_shift_is_not_held_twice
    EXCLUDE USING gist (person WITH =, role WITH =, tstzrange(starts_at, ends_at) WITH &&) WHERE (withdrawn_at IS NULL)
    DEFERRABLE INITIALLY IMMEDIATE;
ALTER TABLE duty_shift ADD CONSTRAINT duty_shift_is_at_one_store
    EXCLUDE USING gist (person WITH =, place WITH <>, tstzrange(starts_at, ends_at) WITH &&)
    WHERE (withdrawn_at IS NULL AND place IS NOT NULL) DEFERRABLE INITIALLY IMMEDIATE;
-- an approver leaves an approval to one person at a time
ALTER TABLE delegation ADD CONSTRAINT delegation_is_to_one_at_once
    EXCLUDE USING gist (delegator WITH =, "right" WITH =, tstzrange(starts_at, ends_at) WITH &&)
    WHERE (withdrawn_at IS NULL);
CREATE INDEX duty_shift_starts_idx ON duty_shift (starts_at, id) WHERE withdrawn_at IS NULL;
CREATE INDEX duty_shift_ends_idx ON duty_shift (ends_at) WHERE withdrawn_at IS NULL;
CREATE INDEX value_step_balance_idx ON value_step (part, pool, id);
CREATE INDEX value_step_unit_idx ON value_step (unit, id) WHERE unit IS NOT NULL AND comes;
CREATE INDEX message_unread_idx ON message (person, id) WHERE channel = 'page';
CREATE INDEX message_going_out_idx ON message (id) WHERE channel <> 'page';

CREATE INDEX part_search_idx ON part USING gin ((part_number || ' ' || name_zh || ' ' || name_en) gin_trgm_ops);
CREATE INDEX device_model_idx ON device (model);
CREATE INDEX substitution_substitute_idx ON substitution (substitute);
CREATE INDEX device_search_idx ON device USING gin (serial gin_trgm_ops);

CREATE INDEX failure_part_idx ON failure (part, occurred_at) WHERE withdrawn_at IS NULL;
CREATE INDEX failure_device_idx ON failure (device, occurred_at);

CREATE INDEX count_sheet_open_idx ON count_sheet (due_at, id) WHERE state IN ('counting', 'counted');
CREATE INDEX count_line_part_idx ON count_line (part, sheet);

CREATE INDEX unit_at_idx ON unit (place, part, condition);
-- pieces that some contract may not be given: few, so that looking for them where there are none costs nothing
CREATE INDEX unit_below_channel_idx ON unit (part, place)
    WHERE condition = 'good' AND provenance NOT IN ('maker_direct', 'authorised_channel');
CREATE INDEX lot_below_channel_idx ON lot (part) WHERE provenance NOT IN ('maker_direct', 'authorised_channel');
CREATE INDEX reservation_asking_idx ON reservation (level) WHERE state = 'pending' AND least_provenance IS NOT NULL;
CREATE INDEX lot_stock_at_idx ON lot_stock (place, part) WHERE quantity > 0;
ALTER TABLE lot_stock SET (fillfactor = 80);
-- a unit lies in one picker's box; the name of the index is the refusal
CREATE UNIQUE INDEX pick_takes_a_unit_once ON pick (unit) WHERE state = 'picked';
CREATE INDEX pick_taken_idx ON pick (lot, bin) WHERE state = 'picked' AND lot IS NOT NULL;
CREATE INDEX pick_suggested_idx ON pick (unit) WHERE state = 'open' AND unit IS NOT NULL;
CREATE INDEX provisional_issue_due_idx ON provisional_issue (due_at) WHERE settled_at IS NULL;
CREATE INDEX provisional_issue_unit_idx ON provisional_issue (unit) WHERE settled_at IS NULL;
CREATE INDEX reservation_pending_idx ON reservation (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX expected_delivery_open_idx ON expected_delivery (part, place, pool) WHERE closed_at IS NULL;

CREATE INDEX part_request_list_idx ON part_request (opened_at DESC, id DESC);
CREATE INDEX request_line_waiting_idx ON request_line (part, pool) WHERE state = 'backordered';

CREATE UNIQUE INDEX plan_is_approved_once ON plan (state) WHERE state = 'approved';

CREATE UNIQUE INDEX emergency_case_is_open_once ON emergency_case (part, place, pool)
    WHERE state NOT IN ('closed', 'stood_down');
CREATE UNIQUE INDEX force_majeure_is_open_once ON force_majeure (place) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX maker_case_is_open_once ON maker_case (request, maker) WHERE state NOT IN ('closed', 'withdrawn');
CREATE INDEX radar_series_list_idx ON radar_series (in_alarm DESC, strength DESC, id DESC);
CREATE INDEX radar_alarm_subject_idx ON radar_alarm (dimension, subject, began_at);
CREATE UNIQUE INDEX replenishment_proposal_is_open_once ON replenishment_proposal (part, place, pool) WHERE state = 'open';
CREATE INDEX replenishment_proposal_declined_idx ON replenishment_proposal (part, place, pool)
    WHERE state = 'declined' AND lapsed_at IS NULL;
CREATE INDEX replenishment_proposal_list_idx ON replenishment_proposal (urgent DESC, id) WHERE state = 'open';
CREATE INDEX purchase_order_coming_idx ON purchase_order (ship_to) WHERE state IN ('draft', 'approved');
CREATE INDEX transfer_coming_idx ON transfer (to_place) WHERE state IN ('proposed', 'draft');
CREATE TRIGGER never_deleted BEFORE DELETE ON radar_alarm FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER never_deleted_whole BEFORE TRUNCATE ON radar_alarm EXECUTE FUNCTION refuse_change();
CREATE UNIQUE INDEX invoice_number_is_entered_once ON invoice (vendor, coalesce(invoice_code, ''), invoice_number)
    WHERE state <> 'withdrawn';
CREATE INDEX exchange_rate_latest_idx ON exchange_rate (currency, valid_from DESC, id DESC);
CREATE UNIQUE INDEX order_change_is_open_once ON order_change (purchase_order) WHERE state IN ('drafted', 'asked');
CREATE UNIQUE INDEX quality_claim_is_open_once ON quality_claim (receipt, part) WHERE state <> 'closed';
-- one open debt per piece and creditor; the names of the indexes are the refusal
CREATE UNIQUE INDEX return_debt_is_open_once_per_depot ON return_debt (unit, depot)
    WHERE state = 'open' AND debtor_kind = 'engineer';
CREATE UNIQUE INDEX return_debt_is_open_once_per_vendor ON return_debt (unit, vendor)
    WHERE state = 'open' AND debtor_kind = 'us';
-- a piece goes back, is repaired and is collected once at a time; the names are the refusal
CREATE UNIQUE INDEX rma_line_unit_is_returned_once ON rma_line (unit) WHERE closed_at IS NULL AND unit IS NOT NULL;
CREATE UNIQUE INDEX repair_order_is_open_once_per_unit ON repair_order (unit) WHERE closed_at IS NULL;
CREATE UNIQUE INDEX collection_is_open_once_per_unit ON collection (part, serial) WHERE closed_at IS NULL;
CREATE INDEX repair_order_measured_idx ON repair_order (part, vendor, passed_at DESC) WHERE state = 'passed';
CREATE INDEX return_debt_open_idx ON return_debt (due_at, id) WHERE state = 'open';
CREATE INDEX return_debt_warn_idx ON return_debt (warn_at) WHERE state = 'open' AND warned_at IS NULL;
CREATE UNIQUE INDEX suspicion_is_open_once ON suspicion (receipt, part) WHERE state = 'blocked';
CREATE INDEX emergency_case_list_idx ON emergency_case (opened_at DESC, id DESC);

CREATE INDEX import_finding_wrong_idx ON import_finding (data_import, line) WHERE wrong;
CREATE UNIQUE INDEX scrapping_is_proposed_once_per_unit ON scrapping (unit) WHERE state = 'proposed';
CREATE INDEX advance_notice_open_idx ON advance_notice (place, due_at) WHERE state IN ('expected', 'partly_received');
CREATE INDEX shipment_trip_idx ON shipment (to_place, from_place, shipped_at) WHERE state IN ('handed_over', 'lost');
CREATE INDEX receipt_at_idx ON receipt (place, id);
CREATE INDEX reservation_soft_idx ON reservation (level, starts_at) WHERE state = 'soft';
CREATE UNIQUE INDEX swap_is_open_once ON swap (device) WHERE state NOT IN ('closed', 'released');
CREATE INDEX swap_live_idx ON swap (leave_by, id) WHERE state NOT IN ('closed', 'released');
CREATE UNIQUE INDEX loan_is_open_once ON loan (device) WHERE state = 'lent';
CREATE UNIQUE INDEX loan_lends_a_unit_once ON loan (unit) WHERE state = 'lent';
CREATE INDEX loan_due_idx ON loan (due_at, id) WHERE state = 'lent';
CREATE UNIQUE INDEX data_erasure_is_verified_first ON data_erasure (unit) WHERE verified_at IS NULL;
CREATE INDEX unit_holding_data_idx ON unit (place) WHERE holds_data;
CREATE UNIQUE INDEX shared_link_token_idx ON shared_link (token_hash);

INSERT INTO priority_class (code, rank, may_empty_depots, name_zh, name_en) VALUES
    ('planned', 5, false, '计划性', 'planned'),
    ('general', 10, false, '一般故障', 'general'),
    ('severe', 20, true, '严重故障', 'severe'),
    ('emergency', 50, true, '应急', 'emergency');

-- the severities of every contract that defines none of its own (D11)
INSERT INTO severity_definition (code, name_zh, name_en, definition_zh, definition_en, rank, priority_class) VALUES
    ('general', '一般故障', 'general fault', '设备发生故障，基本不影响业务（影响不足十分之一）',
     'A device fails; business goes on, less than a tenth of it is touched', 10, 'general'),
    ('severe', '严重故障', 'severe fault', '设备发生故障，业务受到影响（十分之一及以上）',
     'A device fails and a tenth of the business or more is touched', 20, 'severe');

CREATE SEQUENCE document_number;
CREATE SEQUENCE unit_tag_number;

-- what is handed in and not in the catalogue is kept under this part until somebody knows what it is
INSERT INTO part (part_number, name_zh, name_en, kind, serialised, lithium, unit_cost_cny, holding_rate_per_year,
                  cost_source, inspect_on_receipt, active)
VALUES ('UNIDENTIFIED', '未识别备件', 'Unidentified part', 'unidentified', true, false, 0, 0, '', false, false);
"""


ISSUABLE = """
-- from the most to the least trusted, as in inventory/catalogue/grades.py
CREATE FUNCTION grade_rank(provenance text) RETURNS integer LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $grade$
    SELECT array_position(ARRAY['maker_direct', 'authorised_channel', 'vendor_exchange', 'recovered', 'pulled', 'broker',
                                'unproven'], provenance)
$grade$;

-- how many pieces of a level may still be held for a purpose that asks for a source grade (inventory/stock/issuable.py);
-- volatile, so that a statement that locked the level sees what was held and moved before
CREATE FUNCTION issuable(of_level bigint, asked text) RETURNS integer LANGUAGE plpgsql VOLATILE AS $issuable$
DECLARE
    here level%ROWTYPE;
    most integer;
BEGIN
    SELECT * INTO here FROM level WHERE id = of_level;
    IF asked <> 'maker_direct' AND NOT EXISTS (
        SELECT FROM unit WHERE unit.part = here.part AND unit.place = here.place AND unit.condition = 'good'
           AND unit.provenance NOT IN ('maker_direct', 'authorised_channel')
    ) AND NOT EXISTS (
        SELECT FROM lot JOIN lot_stock ON lot_stock.lot = lot.id AND lot_stock.quantity > 0
        WHERE lot.part = here.part AND lot_stock.place = here.place
          AND lot.provenance NOT IN ('maker_direct', 'authorised_channel')
    ) THEN
        RETURN here.on_hand - here.reserved;
    END IF;
    SELECT min(coalesce(there.pieces, 0) - coalesce(held.pieces, 0)) INTO most
    FROM generate_series(grade_rank(asked), 7) AS grade
    CROSS JOIN LATERAL (
        SELECT (SELECT count(*) FROM unit
                WHERE unit.place = here.place AND unit.part = here.part AND unit.condition = here.condition
                  AND unit.owner = here.owner AND unit.pool = here.pool AND grade_rank(unit.provenance) <= grade)
               + (SELECT coalesce(sum(lot_stock.quantity), 0) FROM lot_stock JOIN lot ON lot.id = lot_stock.lot
                  WHERE lot_stock.place = here.place AND lot_stock.part = here.part
                    AND lot_stock.condition = here.condition AND lot_stock.owner = here.owner
                    AND lot_stock.pool = here.pool AND lot_stock.quantity > 0
                    AND grade_rank(lot.provenance) <= grade) AS pieces
    ) AS there
    CROSS JOIN LATERAL (
        SELECT sum(quantity - posted_quantity) AS pieces FROM reservation
        WHERE reservation.level = of_level AND state = 'pending' AND least_provenance IS NOT NULL
          AND grade_rank(least_provenance) <= grade
    ) AS held;
    RETURN greatest(least(most, here.on_hand - here.reserved), 0);
END
$issuable$;
"""

PRICES = """
-- what 100 units of a currency are in CNY on a day; NULL where nobody entered it
CREATE FUNCTION cny_per_100(of_currency text, on_day date) RETURNS numeric LANGUAGE sql STABLE PARALLEL SAFE AS $rate$
    SELECT CASE WHEN of_currency = 'CNY' THEN 100 ELSE (
        SELECT exchange_rate.cny_per_100 FROM exchange_rate
        WHERE exchange_rate.currency = of_currency AND exchange_rate.valid_from <= on_day
        ORDER BY exchange_rate.valid_from DESC, exchange_rate.id DESC LIMIT 1) END
$rate$;

-- the twins of inventory/procurement/prices.py
CREATE FUNCTION with_tax(price numeric, tax_percent numeric, includes_tax boolean) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $price$
    SELECT round(CASE WHEN includes_tax THEN price ELSE price * (100 + tax_percent) / 100 END, 2)
$price$;
CREATE FUNCTION payable_cny(price numeric, tax_percent numeric, includes_tax boolean, cny_per_100 numeric) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $price$
    SELECT round(with_tax(price, tax_percent, includes_tax) * cny_per_100 / 100, 2)
$price$;
CREATE FUNCTION cost_cny(price numeric, invoice_kind text, tax_percent numeric, includes_tax boolean, cny_per_100 numeric)
RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $price$
    SELECT round(price * cny_per_100 * CASE WHEN includes_tax THEN 100 ELSE 100 + tax_percent END
                 / (100 * CASE WHEN invoice_kind = 'special' THEN 100 + tax_percent ELSE 100 END), 4)
$price$;

-- what a piece is quoted at in an order of so many: the last price break that it reaches, else the offer's own price
CREATE FUNCTION price_at(of_offer integer, pieces integer, own_price numeric) RETURNS numeric
LANGUAGE sql STABLE PARALLEL SAFE AS $price$
    SELECT coalesce((SELECT price_break.unit_price FROM price_break
                     WHERE price_break.offer = of_offer AND from_quantity <= pieces
                     ORDER BY from_quantity DESC LIMIT 1), own_price)
$price$;

-- the offers in force on a day: of a vendor's for a part the latest, where its currency has a rate; what is payable
-- (with tax) and what it costs us (without the tax that is deducted), in CNY
CREATE FUNCTION offers_on(on_day date) RETURNS TABLE (
    id integer, vendor integer, part integer, currency text, invoice_kind text, tax_percent numeric, includes_tax boolean,
    cny_per_100 numeric, minimum_quantity integer, lot_size integer, maximum_quantity integer, lead_time_days float8,
    expedited_hours float8, exchange_hours float8, repair_days float8, valid_from date, valid_to date,
    unit_price numeric, order_fee numeric, expedited_price numeric, expedited_fee numeric,
    unit_price_cny numeric, order_fee_cny numeric, expedited_price_cny numeric, expedited_fee_cny numeric,
    unit_cost_cny numeric, order_fee_cost_cny numeric, expedited_cost_cny numeric, expedited_fee_cost_cny numeric,
    exchange_cost_cny numeric, repair_cost_cny numeric, framework_number text
) LANGUAGE sql STABLE PARALLEL SAFE AS $offers$
    SELECT o.id, o.vendor, o.part, o.currency, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate, o.minimum_quantity,
           o.lot_size, o.maximum_quantity, o.lead_time_days, o.expedited_hours, o.exchange_hours, o.repair_days,
           o.valid_from, o.valid_to, o.unit_price, o.order_fee, o.expedited_price, o.expedited_fee,
           payable_cny(o.unit_price, o.tax_percent, o.includes_tax, r.rate),
           payable_cny(o.order_fee, o.tax_percent, o.includes_tax, r.rate),
           payable_cny(o.expedited_price, o.tax_percent, o.includes_tax, r.rate),
           payable_cny(o.expedited_fee, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.unit_price, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.order_fee, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.expedited_price, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.expedited_fee, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.exchange_fee, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate),
           cost_cny(o.repair_price, o.invoice_kind, o.tax_percent, o.includes_tax, r.rate), o.framework_number
    FROM offer AS o
    CROSS JOIN LATERAL (SELECT cny_per_100(o.currency, on_day) AS rate) AS r
    WHERE o.valid_from <= on_day AND (o.valid_to IS NULL OR o.valid_to >= on_day) AND r.rate IS NOT NULL
      AND NOT EXISTS (SELECT FROM offer AS newer
                      WHERE newer.vendor = o.vendor AND newer.part = o.part AND newer.valid_from > o.valid_from
                        AND newer.valid_from <= on_day AND (newer.valid_to IS NULL OR newer.valid_to >= on_day))
$offers$;
"""


CONCERNED = """
-- whether a duty is about one of some contracts (inventory/ground/steps.py): the house's own work is about none
CREATE FUNCTION step_concerns(subject_kind text, subject text, contracts text[]) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE AS $concerned$
    SELECT CASE subject_kind
        WHEN 'part_request' THEN EXISTS (
            SELECT FROM part_request JOIN device ON device.id = part_request.device
            JOIN contract ON contract.id = device.contract
            WHERE part_request.number = subject AND contract.code = ANY(contracts))
        WHEN 'swap' THEN EXISTS (
            SELECT FROM swap JOIN device ON device.id = swap.device JOIN contract ON contract.id = device.contract
            WHERE swap.number = subject AND contract.code = ANY(contracts))
        WHEN 'loan' THEN EXISTS (
            SELECT FROM loan JOIN device ON device.id = loan.device JOIN contract ON contract.id = device.contract
            WHERE loan.number = subject AND contract.code = ANY(contracts))
        WHEN 'maker_case' THEN EXISTS (
            SELECT FROM maker_case JOIN part_request ON part_request.id = maker_case.request
            JOIN device ON device.id = part_request.device JOIN contract ON contract.id = device.contract
            WHERE maker_case.number = subject AND contract.code = ANY(contracts))
        WHEN 'emergency_case' THEN EXISTS (
            SELECT FROM emergency_case, jsonb_array_elements(evidence -> 'served') AS served
            WHERE emergency_case.number = subject AND served ->> 'contract' = ANY(contracts))
        WHEN 'force_majeure' THEN EXISTS (
            SELECT FROM force_majeure JOIN device ON device.site = force_majeure.place
            JOIN contract ON contract.id = device.contract
            WHERE force_majeure.number = subject AND contract.code = ANY(contracts))
        WHEN 'return_debt' THEN EXISTS (
            SELECT FROM return_debt JOIN device ON device.id = return_debt.device
            JOIN contract ON contract.id = device.contract
            WHERE return_debt.number = subject AND contract.code = ANY(contracts))
        WHEN 'rma' THEN EXISTS (
            SELECT FROM rma JOIN contract ON contract.id = rma.contract
            WHERE rma.number = subject AND contract.code = ANY(contracts))
        WHEN 'repair_order' THEN EXISTS (
            SELECT FROM repair_order JOIN contract ON contract.id = repair_order.contract
            WHERE repair_order.number = subject AND contract.code = ANY(contracts))
        WHEN 'collection' THEN EXISTS (
            SELECT FROM collection JOIN contract ON contract.id = collection.contract
            WHERE collection.number = subject AND contract.code = ANY(contracts))
        WHEN 'purchase_order' THEN EXISTS (
            SELECT FROM purchase_order JOIN pool ON pool.id = purchase_order.pool
            JOIN contract ON contract.id = pool.contract
            WHERE purchase_order.number = subject AND contract.code = ANY(contracts))
        WHEN 'reservation' THEN EXISTS (
            SELECT FROM reservation JOIN level ON level.id = reservation.level JOIN pool ON pool.id = level.pool
            JOIN contract ON contract.id = pool.contract
            WHERE reservation.id = subject::uuid AND contract.code = ANY(contracts))
        WHEN 'pool_crossing' THEN EXISTS (
            SELECT FROM pool_crossing JOIN pool ON pool.id IN (from_pool, to_pool)
            JOIN contract ON contract.id = pool.contract
            WHERE pool_crossing.number = subject AND contract.code = ANY(contracts))
        ELSE false END
$concerned$;
"""


async def forwards() -> MigrationManager:
    """Create it all; the queue's tables are the queue library's own."""
    manager = MigrationManager(migration_id=ID, app_name="inventory", description=DESCRIPTION)

    async def run() -> None:
        from pgqueuer.adapters.persistence.qb import QueryBuilderEnvironment

        from inventory.ground import db

        for script in (
            LEDGER,
            GUARDS,
            CLOSED_COUNTS,
            SENT_QUOTATIONS,
            COLUMNS_AND_INDEXES,
            ISSUABLE,
            PRICES,
            CONCERNED,
            QueryBuilderEnvironment().build_install_query(),
        ):
            await db.execute(script)

    manager.add_raw(run)
    return manager
