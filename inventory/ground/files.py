"""Stored files: letters, photos, papers, uploads; kept whole, once however often they are given, and never changed.

What a file is, its first bytes say, not its name: only the forms in `FORMS` are taken, and nothing that merely claims to be
one. An attachment ties a file to a document; whether somebody may see that document is for the rooms above to say.
"""

import hashlib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal
from uuid import UUID

from msgspec import Struct

from inventory.ground import audit, clock, db
from inventory.ground.actor import Actor
from inventory.ground.errors import Invalid, Unknown, WrongState

PDF, JPEG, PNG, WEBP = "application/pdf", "image/jpeg", "image/png", "image/webp"
PLAIN, CSV = "text/plain", "text/csv"
OFD = "application/ofd"
EXCEL = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"

FORMS = {PDF: "PDF", JPEG: "JPEG", PNG: "PNG", WEBP: "WebP", PLAIN: "TXT", CSV: "CSV", OFD: "OFD"}
"""The forms an attachment may have."""

AttachmentKind = Literal["signed_form", "photo", "log", "test_result", "other"]

LONGEST_NAME = 200


class FileTooLarge(Invalid):
    """The file has {size_mb} MB; at most {most_mb} MB are taken."""

    zh = "文件大小为 {size_mb} MB，上限为 {most_mb} MB。"
    help_en = "Send a smaller file: scale the photo down, or split the table."
    help_zh = "请缩小文件：压缩照片，或拆分表格。"


class FileEmpty(Invalid):
    """The file is empty."""

    zh = "文件为空。"
    help_en = "Choose the file again; it may not have been saved yet."
    help_zh = "请重新选择文件；文件可能尚未保存。"


class FileFormRefused(Invalid):
    """“{name}” is none of: {forms}."""

    zh = "“{name}”不属于以下格式：{forms}。"
    help_en = "Save it in one of these forms; the content decides, not the name."
    help_zh = "请另存为以上格式之一；以文件内容为准，与文件名无关。"


class StoredFileView(Struct, frozen=True, kw_only=True):
    """A stored file without its content."""

    id: UUID
    name: str
    media_type: str
    size_bytes: int
    stored_at: datetime
    stored_by: str


class Content(Struct, frozen=True, kw_only=True):
    """A stored file's content, as it goes out."""

    name: str
    media_type: str
    content: bytes


class AttachmentView(Struct, frozen=True, kw_only=True):
    """A file that belongs to a document; a withdrawn one stays on record."""

    id: UUID
    subject_kind: str
    subject: str
    kind: AttachmentKind
    name: str
    media_type: str
    size_bytes: int
    remark: str
    attached_at: datetime
    attached_by: str
    withdrawn_at: datetime | None
    withdrawn_by: str | None
    withdrawn_reason: str


def form_of(content: bytes) -> str | None:
    r"""What a content is, by its first bytes; None where it is nothing we know.

    >>> form_of(b"%PDF-1.7 ..."), form_of(b"\x89PNG\r\n\x1a\n..."), form_of("料号,数量".encode())
    ('application/pdf', 'image/png', 'text/plain')
    >>> form_of(b"MZ\x90\x00\x03") is None
    True
    """
    if content.startswith(b"%PDF-"):
        return PDF
    if content.startswith(b"\xff\xd8\xff"):
        return JPEG
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return PNG
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        return WEBP
    if content.startswith(b"PK\x03\x04"):
        return EXCEL if b"xl/workbook" in content else OFD if b"OFD.xml" in content else None
    return PLAIN if _is_text(content) else None


def _is_text(content: bytes) -> bool:
    """Text holds no NUL (but for UTF-16, which Excel writes and marks) and none of the control characters programs do."""
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        return len(content) % 2 == 0
    return not any(bytes([byte]) in content for byte in (*range(7), *range(14, 27), 28, 29, 30, 31))


def media_type_of(name: str, content: bytes, forms: dict[str, str]) -> str:
    """The form of a file, which its name may only make more exact.

    >>> media_type_of("stock.csv", b"part,quantity", FORMS), media_type_of("memo", b"hello", FORMS)
    ('text/csv', 'text/plain')

    Raises:
        FileEmpty: there is nothing in it.
        FileFormRefused: it is none of the forms.

    """
    if not content:
        raise FileEmpty
    form = form_of(content)
    if form == PLAIN and name.lower().endswith((".csv", ".tsv")) and CSV in forms:
        form = CSV
    if form not in forms:
        raise FileFormRefused(name=name, forms=" / ".join(forms.values()))
    return form


@db.atomic
async def store(
    name: str, content: bytes, *, by: Actor, most_bytes: int, forms: dict[str, str] = FORMS
) -> StoredFileView:
    """Keep a file; the same content is kept once and found again.

    Raises:
        FileEmpty, FileTooLarge, FileFormRefused: it is not taken.

    """
    if len(content) > most_bytes:
        raise FileTooLarge(size_mb=round(len(content) / 1e6, 1), most_mb=round(most_bytes / 1e6, 1))
    clean = clean_name(name)
    media_type = media_type_of(clean, content, forms)
    digest = hashlib.sha256(content).digest()
    await db.execute(
        """INSERT INTO stored_file (name, media_type, sha256, content, size_bytes, stored_at, stored_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT ON CONSTRAINT stored_file_is_kept_once DO NOTHING""",
        clean,
        media_type,
        digest,
        content,
        len(content),
        clock.now(),
        by.name,
    )
    kept = await db.read(
        StoredFileView,
        """SELECT id, name, media_type, size_bytes, stored_at, stored_by FROM stored_file
           WHERE sha256 = $1 AND media_type = $2""",
        digest,
        media_type,
    )
    return kept[0]


def clean_name(name: str) -> str:
    r"""A file's own name: no folders, nothing unprintable, not too long.

    >>> clean_name("C:\\photos\\箱 1.jpg"), clean_name("../../etc/passwd"), clean_name("a\r\nb.pdf"), clean_name("")
    ('箱 1.jpg', 'passwd', 'ab.pdf', 'file')
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(letter for letter in last if letter.isprintable()).strip()
    return printable[-LONGEST_NAME:] or "file"


async def content(file: UUID) -> Content:
    """A stored file whole.

    Raises:
        Unknown: no such file.

    """
    found = await db.read_one(Content, "SELECT name, media_type, content FROM stored_file WHERE id = $1", file)
    if found is None:
        raise Unknown(what="file", what_zh="文件", key=str(file))
    return found


@db.atomic
async def attach(
    subject_kind: str,
    subject: str,
    file: StoredFileView,
    kind: AttachmentKind,
    *,
    name: str,
    by: Actor,
    remark: str = "",
) -> AttachmentView:
    """Tie a stored file to a document."""
    attachment = await db.fetch_value(
        """INSERT INTO attachment (subject_kind, subject, stored_file, kind, name, remark, attached_at, attached_by)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8) RETURNING id""",
        subject_kind,
        subject,
        file.id,
        kind,
        clean_name(name),
        remark,
        clock.now(),
        by.name,
    )
    await audit.record("attachment.added", subject_kind, subject, by=by, change={"name": name, "kind": kind})
    return await attachment_view(attachment)


@db.atomic
async def withdraw(attachment: UUID, *, by: Actor, reason: str) -> AttachmentView:
    """Take an attachment back; it stays on record, with the reason.

    Raises:
        Unknown: no such attachment.
        WrongState: it was withdrawn before.

    """
    moved = await db.execute(
        """UPDATE attachment SET withdrawn_at = $2, withdrawn_by = $3, withdrawn_reason = $4
           WHERE id = $1 AND withdrawn_at IS NULL""",
        attachment,
        clock.now(),
        by.name,
        reason,
    )
    view = await attachment_view(attachment)
    if not moved:
        raise WrongState(what="Attachment", what_zh="附件", key=view.name, state="withdrawn", needed="not withdrawn")
    await audit.record(
        "attachment.withdrawn", view.subject_kind, view.subject, by=by, change={"name": view.name}, reason=reason
    )
    return view


_VIEW = """SELECT attachment.id, subject_kind, subject, attachment.kind, attachment.name, media_type, size_bytes, remark,
                  attached_at, attached_by, withdrawn_at, withdrawn_by, withdrawn_reason
           FROM attachment JOIN stored_file ON stored_file.id = attachment.stored_file"""


async def attachment_view(attachment: UUID) -> AttachmentView:
    """One attachment.

    Raises:
        Unknown: no such attachment.

    """
    found = await db.read_one(AttachmentView, f"{_VIEW} WHERE attachment.id = $1", attachment)
    if found is None:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment))
    return found


async def attachments(
    subject_kind: str, subject: str, *, limit: int, after: UUID | None = None
) -> list[AttachmentView]:
    """What belongs to a document, oldest first; withdrawn ones too."""
    return await db.read(
        AttachmentView,
        f"""{_VIEW} WHERE subject_kind = $1 AND subject = $2 AND ($3::uuid IS NULL OR attachment.id > $3)
            ORDER BY attachment.id LIMIT $4""",
        subject_kind,
        subject,
        after,
        limit,
    )


async def attachments_of(
    subjects: Mapping[str, Sequence[str]], *, limit: int, but_of: tuple[str, str] | None = None
) -> list[AttachmentView]:
    """What belongs to any of some documents, by their kind, and was not withdrawn; oldest first. No signed forms.

    `but_of` leaves out what another document has, too.
    """
    kind, subject = but_of or (None, None)
    named = [(of, each) for of, listed in subjects.items() for each in listed]
    return await db.read(
        AttachmentView,
        f"""{_VIEW} WHERE (subject_kind, subject) IN (SELECT * FROM unnest($1::text[], $2::text[]))
            AND withdrawn_at IS NULL AND attachment.kind <> 'signed_form' AND NOT EXISTS (
                SELECT FROM attachment AS there WHERE there.subject_kind = $3 AND there.subject = $4
                AND there.stored_file = attachment.stored_file AND there.kind <> 'signed_form' AND there.withdrawn_at IS NULL)
            ORDER BY attachment.id LIMIT $5""",
        [of for of, _ in named],
        [each for _, each in named],
        kind,
        subject,
        limit,
    )


@db.atomic
async def attach_again(attachment: UUID, subject_kind: str, subject: str, *, by: Actor) -> AttachmentView:
    """Tie an attachment's file to another document, too; its remark stays where it was made.

    Raises:
        Unknown: no such attachment.

    """
    view = await attachment_view(attachment)
    file = await db.read_one(
        StoredFileView,
        """SELECT stored_file.id, stored_file.name, media_type, size_bytes, stored_at, stored_by FROM stored_file
           JOIN attachment ON attachment.stored_file = stored_file.id WHERE attachment.id = $1""",
        attachment,
    )
    if file is None:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment))
    return await attach(subject_kind, subject, file, view.kind, name=view.name, by=by)


async def attached_content(attachment: UUID) -> Content:
    """An attachment's file whole, under the attachment's own name.

    Raises:
        Unknown: no such attachment.

    """
    found = await db.read_one(
        Content,
        """SELECT attachment.name, media_type, content FROM attachment
           JOIN stored_file ON stored_file.id = attachment.stored_file WHERE attachment.id = $1""",
        attachment,
    )
    if found is None:
        raise Unknown(what="attachment", what_zh="附件", key=str(attachment))
    return found
