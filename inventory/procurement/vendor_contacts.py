"""Vendors' contacts: whom to call for what and at what hours, and when somebody last made sure of the number (D74, D79)."""

from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db, steps
from inventory.ground.actor import Actor, service
from inventory.ground.errors import Invalid, Unknown
from inventory.people.contacts import VERIFIED_FOR, checked_email, checked_phone

Role = Literal["sales", "emergency", "returns", "quality", "logistics", "finance"]

VERIFY_WITHIN = timedelta(days=5)
"""How soon buyers make sure of emergency contacts that nobody reached for long."""


class NoWayToReach(Invalid):
    """A contact needs a phone number or a mail address."""

    zh = "联系人至少需要电话或邮箱之一。"
    help_en = "Enter one of them; who is there around the clock needs a phone."
    help_zh = "请至少填写一项；7×24 联系人必须有电话。"


class NewVendorContact(Struct, frozen=True, kw_only=True):
    """Somebody at a vendor: what for, and whether they are there around the clock (7×24) or at the `hours` named."""

    name: str
    role: Role
    phone: str | None = None
    email: str | None = None
    around_the_clock: bool = False
    hours: str = ""


class VendorContactView(Struct, frozen=True, kw_only=True):
    """A vendor's contact; `stale` where nobody made sure of it for long."""

    id: UUID
    vendor: str
    name: str
    role: Role
    phone: str | None
    email: str | None
    around_the_clock: bool
    hours: str
    verified_at: datetime | None
    verified_by: str | None
    stale: bool


@db.atomic
async def enter(vendor: str, new: NewVendorContact, *, by: Actor) -> VendorContactView:
    """Enter a contact; nobody has made sure of it yet.

    Raises:
        Unknown: no such vendor.
        NotAPhone, NotAnAddress: it is none.
        NoWayToReach: it says neither phone nor mail, or no phone for somebody who is there around the clock.

    """
    by.require("vendors.manage")
    phone, email = checked_phone(new.phone or None), checked_email(new.email or None)
    if (phone is None and email is None) or (new.around_the_clock and phone is None):
        raise NoWayToReach
    made = await db.fetch_value(
        """INSERT INTO vendor_contact (vendor, name, role, phone, email, around_the_clock, hours)
           SELECT vendor.id, $2, $3, $4, $5, $6, $7 FROM vendor JOIN party ON party.id = vendor.party
           WHERE party.code = $1 RETURNING id""",
        vendor,
        new.name,
        new.role,
        phone,
        email,
        new.around_the_clock,
        new.hours,
    )
    if made is None:
        raise Unknown(what="vendor", what_zh="供应商", key=vendor)
    await audit.record("vendor_contact.entered", "vendor", vendor, by=by, change=new)
    return await _view(made)


@db.atomic
async def verify(contact: UUID, *, by: Actor, phone: str | None = None) -> VendorContactView:
    """Say that somebody was reached, under their phone or the one given.

    Raises:
        Unknown: no such contact.
        NotAPhone: it is no phone number.

    """
    by.require("vendors.manage")
    changed = await db.fetch_value(
        """UPDATE vendor_contact SET phone = coalesce($2, phone), verified_at = $3, verified_by = $4
           WHERE id = $1 AND in_force RETURNING id""",
        contact,
        checked_phone(phone or None),
        clock.now(),
        by.name,
    )
    if changed is None:
        raise Unknown(what="contact", what_zh="联系人", key=str(contact))
    view = await _view(contact)
    await audit.record("vendor_contact.verified", "vendor", view.vendor, by=by, change={"name": view.name})
    await watch()
    return view


@db.atomic
async def withdraw(contact: UUID, *, by: Actor) -> str:
    """Take a contact off the list: somebody left, or is reached no more; the vendor it was of.

    Raises:
        Unknown: no such contact.

    """
    by.require("vendors.manage")
    vendor = await db.fetch_value(
        """UPDATE vendor_contact SET in_force = false FROM vendor JOIN party ON party.id = vendor.party
           WHERE vendor_contact.id = $1 AND in_force AND vendor.id = vendor_contact.vendor RETURNING party.code""",
        contact,
    )
    if vendor is None:
        raise Unknown(what="contact", what_zh="联系人", key=str(contact))
    await audit.record("vendor_contact.withdrawn", "vendor", vendor, by=by, change={"contact": str(contact)})
    await watch()
    return vendor


_VIEW = """SELECT vendor_contact.id, party.code AS vendor, vendor_contact.name, role, vendor_contact.phone,
                  vendor_contact.email, around_the_clock, hours, verified_at, verified_by,
                  coalesce(verified_at < $1, true) AS stale
           FROM vendor_contact
           JOIN vendor ON vendor.id = vendor_contact.vendor
           JOIN party ON party.id = vendor.party
           WHERE in_force"""


async def _view(contact: UUID) -> VendorContactView:
    found = await db.read(VendorContactView, f"{_VIEW} AND vendor_contact.id = $2", clock.now() - VERIFIED_FOR, contact)
    return found[0]


async def contacts(
    *, limit: int, after: UUID | None = None, vendor: str | None = None, stale_only: bool = False
) -> list[VendorContactView]:
    """Vendors' contacts, in the order they were entered."""
    return await db.read(
        VendorContactView,
        f"""{_VIEW} AND ($2::uuid IS NULL OR vendor_contact.id > $2) AND ($3::text IS NULL OR party.code = $3)
            AND (NOT $4 OR coalesce(verified_at < $1, true)) ORDER BY vendor_contact.id LIMIT $5""",
        clock.now() - VERIFIED_FOR,
        after,
        vendor,
        stale_only,
        limit,
    )


@db.atomic
async def watch() -> None:
    """Keep one duty per vendor whose emergency contacts nobody made sure of for long, and end those that were done."""
    rows = await db.fetch(
        """SELECT DISTINCT party.code FROM vendor_contact
           JOIN vendor ON vendor.id = vendor_contact.vendor AND vendor.active
           JOIN party ON party.id = vendor.party
           WHERE in_force AND (around_the_clock OR role = 'emergency') AND coalesce(verified_at < $1, true)""",
        clock.now() - VERIFIED_FOR,
    )
    vendors = [row["code"] for row in rows]
    await steps.keep(
        "verify_vendor_contact", "vendor", vendors, owner_role="buyer", within=VERIFY_WITHIN, by=service("watch")
    )
