"""What comes back, and what is owed back."""

from decimal import Decimal

from piccolo.constraints import Check
from piccolo.table import Table

from inventory.catalogue.tables import Part
from inventory.ground.columns import (
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
    text,
    whole,
)
from inventory.installed_base.tables import Device
from inventory.places.tables import Place
from inventory.procurement.tables import Vendor
from inventory.stock.tables import Lot, Pool, Unit

# ---- return debts


class ReturnDebt(
    Table,
    tablename="return_debt",
    help_text="A piece somebody owes back: who, to whom, by when, and what it costs late",
):
    """An engineer owes a piece to a depot, or we owe one to a vendor; the same piece may be owed both ways at once.

    `held_at` is where the books have the piece while an engineer owes it: his own stock, or the site it came out of.
    `may_be_kept` says that the contract lets the customer keep it; its paper then settles the debt. A debt is warned of at
    `warn_at`, before it is due. `money_cny` is what being late costs; `terms` are what was agreed, in words and as data.
    """

    id = key()
    number = text(unique=True)
    debtor_kind = text()
    debtor = optional_text(index=True)
    depot = link(Place, index=True)
    vendor = optional_link(Vendor, index=True)
    part = link(Part)
    unit = optional_link(Unit)
    lot = optional_link(Lot)
    quantity = whole(1)
    pool = link(Pool)
    held_at = optional_link(Place)
    expected_serial = optional_text(index=True)
    device = optional_link(Device, index=True)
    may_be_kept = flag(default=False)
    document_kind = text()
    document_number = text(index=True)
    opened_at = instant()
    opened_by = text()
    due_at = instant()
    warn_at = instant()
    warned_at = optional_instant()
    terms = document()
    money_cny = money(Decimal(0))
    state = text()
    settled_at = optional_instant()
    settled_by = optional_text()
    returned_serial = optional_text()
    reason = note()
    signed_by = optional_text()
    loss_told_at = optional_instant()
    loss_told_by = optional_text()

    return_debt_debtor_is_known = Check("debtor_kind IN ('engineer', 'us')")
    return_debt_names_who_owes_whom = Check(
        "(debtor_kind = 'engineer') = (debtor IS NOT NULL) AND (debtor_kind = 'us') = (vendor IS NOT NULL)"
    )
    return_debt_state_is_known = Check("state IN ('open', 'returned', 'kept_by_customer', 'charged', 'written_off')")
    return_debt_is_settled_by_somebody = Check(
        "(state = 'open') = (settled_at IS NULL) AND (state = 'open') = (settled_by IS NULL)"
    )
    return_debt_counts_pieces = Check("quantity > 0 AND (unit IS NULL OR quantity = 1)")
    return_debt_money_is_not_negative = Check("money_cny >= 0")
    return_debt_is_warned_of_before_it_is_due = Check("warn_at <= due_at AND opened_at <= due_at")
    return_debt_loss_has_four_eyes = Check("state <> 'written_off' OR settled_by IS DISTINCT FROM loss_told_by")


class WrongReturn(
    Table, tablename="wrong_return", help_text="A piece that came in for a debt with another serial than was expected"
):
    """What was expected and what came, where; taken in as what it is while the debt stays open, until it is answered."""

    id = key()
    debt = link(ReturnDebt, index=True)
    expected_serial = text()
    found_serial = text()
    unit = optional_link(Unit)
    noted_at = instant()
    noted_by = text()
    remark = note()
    settled_at = optional_instant()
    settled_by = optional_text()
    outcome = note()

    wrong_return_differs = Check("expected_serial <> found_serial")
    wrong_return_is_settled_by_somebody_else = Check("settled_by IS NULL OR settled_by <> noted_by")
