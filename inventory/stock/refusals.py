"""What the ledger refuses."""

from inventory.ground.errors import Invalid, Refused


class InsufficientStock(Refused, constraint="level_free_not_negative"):
    """{part_number} at {depot} (pool {pool}): {wanted} asked, {free} free."""

    zh = "{depot} 的 {part_number}（库存归属 {pool}）：需要 {wanted}，可用 {free}。"
    help_en = "Ask for what is free, take it from a depot listed under `elsewhere`, or open a part request."
    help_zh = "请按可用数量申请，或改从 elsewhere 所列备件库调用，或提交备件申请。"


class StockFrozen(InsufficientStock):
    """{part_number} at {depot}: the store is in force majeure, and what lies there is frozen."""

    zh = "{depot} 的 {part_number}：该库处于不可抗力停用，库存已冻结。"
    help_en = "Take it from a depot listed under `elsewhere`; after the recount, ending the store's plan 3 frees it."
    help_zh = "请改从 elsewhere 所列备件库调用；该库复盘并结束应急方案三后方可使用。"


class StockWouldGoNegative(Refused, constraint="level_on_hand_not_negative"):
    """More would leave the shelf than is on it."""

    zh = "出库数量超过现有库存。"
    help_en = "Count the shelf and correct the stock first."
    help_zh = "请先盘点并调整库存。"


class ReservationResolved(Refused):
    """Reservation {id} was already {state}."""

    zh = "预留 {id} 已处于“{state}”状态。"
    help_en = "A reservation is posted, voided or expires once; make a new one."
    help_zh = "预留只能出库、作废或到期一次；请重新预留。"


class ExpiryInPast(Invalid):
    """A reservation cannot end in the past ({expires_at})."""

    zh = "预留的到期时间（{expires_at}）不能早于当前时间。"
    help_en = "Give a time to come, with its time zone, or none."
    help_zh = "请填写将来的时间（含时区），或留空。"


class StartInPast(Invalid):
    """Stock is promised for a moment to come; {starts_at} has passed, or lies behind the expiry."""

    zh = "预约的开始时间（{starts_at}）必须在将来，且早于到期时间。"
    help_en = "Give a start to come before the expiry, or reserve at once without a start."
    help_zh = "请填写将来且早于到期的开始时间；如需立即预留，请不填开始时间。"


class PurposeMissing(Invalid):
    """Say for what stock is taken over: a part request that waits, or a reference with its priority class."""

    zh = "请说明占用库存的用途：待货的备件申请，或带优先级别的编号。"
    help_en = "Give `part_request`, or `reference` and `priority_class`."
    help_zh = "请提供 part_request，或同时提供 reference 与 priority_class。"


class NotLowerPriority(Refused):
    """The reservation's rank is {rank}; one of rank {wanted} cannot take it over."""

    zh = "该预留的优先级为 {rank}，优先级 {wanted} 不能占用它。"
    help_en = "Only a purpose of higher rank takes over; see /api/v1/priority-classes."
    help_zh = "只有更高优先级才能占用；级别见 /api/v1/priority-classes。"


class HeldForTransfer(Refused):
    """Reservation {id} holds what transfer {transfer} is to carry; it is resolved through that."""

    zh = "预留 {id} 属于调拨单 {transfer}，须通过该调拨单处理。"
    help_en = "Ship or cancel the transfer, or decide on its emergency case."
    help_zh = "请发出或取消该调拨，或处理其所属应急方案。"


class NotHandedOutTo(Refused):
    """Nothing is handed out to {place}: {instead}."""

    zh = "不能直接出库到 {place}：{instead_zh}。"
    help_en = "Hand out to a customer's site, or to ISSUED where no site is known."
    help_zh = "请出库到客户机房；不知道机房时填写 ISSUED。"


class PickedElsewhere(Refused, constraint="pick_takes_a_unit_once"):
    """Unit {serial} was already picked for {number}."""

    zh = "单件 {serial} 已被拣货单 {number} 拣出。"
    help_en = "Take another good unit of this part, or unpick it there first."
    help_zh = "请改取同一备件的其他好件，或先在该拣货单上撤销拣货。"


class SerialAmbiguous(Refused):
    """{count} pieces carry {serial}: {choices}."""

    zh = "有 {count} 件备件使用编号 {serial}：{choices}。"
    help_en = "Scan the tag instead, or name the part; one without a tag is given one on its page, or by its part."
    help_zh = "请改扫备件条码，或指定备件编号；没有条码的可在单件页面或按备件编号补贴条码。"


class CodeMissing(Invalid):
    """A code was left blank."""

    zh = "编号不能为空白。"
    help_en = "Scan the piece, or type its serial, tag or part number."
    help_zh = "请扫描备件，或填写序列号、备件条码或备件编号。"


class HappenedLater(Invalid):
    """Nothing can have happened in the future ({at})."""

    zh = "发生时间（{at}）不能晚于当前时间。"
    help_en = "Correct the time; check the clock of the phone."
    help_zh = "请更正时间，并检查手机时钟。"


class HappenedTooLongAgo(Invalid):
    """{at} is more than {days} days ago; the books are not changed that far back."""

    zh = "发生时间（{at}）早于 {days} 天前，台账不再补记这么早的业务。"
    help_en = "Book it as of now and say in the remark when it was, or correct the stock by a count."
    help_zh = "请按当前时间登记并在备注中说明，或通过盘点更正库存。"


class HappenedBeforeItCame(Refused):
    """By the books the pieces were not there yet at {at}."""

    zh = "按台账，{at} 时这些备件尚未到位。"
    help_en = "Give a later time, or none for now; see the ledger for when they came."
    help_zh = "请填写更晚的时间，或留空表示当前；到位时间见出入库流水。"


class MoreThanReserved(Invalid):
    """The reservation holds {reserved}; {wanted} was asked."""

    zh = "该预留数量为 {reserved}，请求数量为 {wanted}。"
    help_en = "Post at most what is reserved; the rest needs its own reservation."
    help_zh = "出库数量不得超过预留数量；超出部分请另行预留。"


class QuantityNotPositive(Invalid):
    """A quantity must be at least 1; {quantity} was given."""

    zh = "数量至少为 1，收到 {quantity}。"
    help_en = "Give a whole number from 1 up."
    help_zh = "请填写不小于 1 的整数。"


class SerialsMissing(Invalid):
    """{part_number} is kept by serial: {wanted} serials are needed, {given} were given."""

    zh = "{part_number} 按序列号管理：需要 {wanted} 个序列号，收到 {given} 个。"
    help_en = "Scan the serial of every unit."
    help_zh = "请扫描每一件的序列号。"


class SerialRepeated(Refused, constraint="unit_serial_is_unique_per_maker"):
    """A unit with this serial is already in the ledger."""

    zh = "该序列号的单件已在台账中。"
    help_en = "Look the serial up; a unit that comes back is moved, not received as new."
    help_zh = "请先查询该序列号；返库的单件应做移动，不作为新件入库。"


class TagRepeated(Refused, constraint="unit_tag_key"):
    """Another unit already carries this tag."""

    zh = "该备件条码已被另一单件使用。"
    help_en = "Scan the tag again, or print a new one."
    help_zh = "请重新扫描，或打印新的备件条码。"


class TagIsASerial(Refused):
    """{tag} is the serial of another unit; a tag has to name one piece only."""

    zh = "{tag} 是另一单件的序列号；备件条码只能对应一件。"
    help_en = "Use another tag, or leave it empty to get a new one."
    help_zh = "请改用其他条码，或留空由系统生成。"


class TagNotPrintable(Invalid):
    """“{tag}” cannot be a tag."""

    zh = "“{tag}”不能用作备件条码。"
    help_en = "Use 3 to 40 letters, digits, and the signs - . _ without blanks; or leave it empty to get a new one."
    help_zh = "请使用 3 至 40 位字母、数字或 - . _，不含空格；或留空由系统生成。"


class NothingMoved(Refused):
    """{number}: there is nothing to print on this paper yet."""

    zh = "{number}：该单据目前没有可打印的内容。"
    help_en = "Book the goods first: this paper lists what left or came in."
    help_zh = "请先办理出库或入库：该单据列出实际出入库的内容。"


class UnitNotHere(Refused):
    """Unit {serial} is not at {depot} in condition {condition}."""

    zh = "单件 {serial} 不在 {depot}，或状态不是“{condition}”。"
    help_en = "Look the unit up to see where it is; scan the one in your hand."
    help_zh = "请查询该单件所在位置，并扫描手中的单件。"


class UnitMoved(UnitNotHere):
    """A piece is named twice, or somebody else moved it at this moment."""

    zh = "同一单件重复出现，或刚刚被他人移动。"
    help_en = "Name each piece once; look at it as it is now, and try again."
    help_zh = "每件只填一次；请刷新查看最新状态后重试。"


class NotEnoughUnits(UnitNotHere):
    """{depot} has {found} of {wanted} units in condition {condition}."""

    zh = "{depot} 状态为“{condition}”的单件只有 {found} 件，需要 {wanted} 件。"
    help_en = "Ask for fewer, or look up where the others are."
    help_zh = "请减少数量，或查询其余单件的位置。"


class UnitNotInBin(Refused):
    """Unit {serial} lies in {bin}, not in {asked}."""

    zh = "单件 {serial} 在库位 {bin}，不在 {asked}。"
    help_en = "Scan the bin it lies in, or leave the bin out."
    help_zh = "请扫描其实际所在库位，或不填库位。"


class NoSerials(Invalid):
    """{part_number} is not kept by serial."""

    zh = "{part_number} 不按序列号管理。"
    help_en = "Give how many pieces, and no serials."
    help_zh = "请填写数量，不填序列号。"


class LotNotHere(Refused):
    """A lot has fewer pieces in that bin than would leave it."""

    zh = "该批次在该库位的数量不足。"
    help_en = "Look up what lies in the bin; take the pieces from where they are."
    help_zh = "请查询库位内的批次与数量，并从实际所在库位取货。"


class OverReceipt(Refused):
    """{received} of {part_number} would come in, {expected} are still expected."""

    zh = "{part_number} 将入库 {received}，预计到货仅剩 {expected}。"
    help_en = "Count again; if more really came, give the reason."
    help_zh = "请复点；如确实多到，请填写原因。"


class SameStore(Invalid, constraint="transfer_leads_elsewhere"):
    """A transfer leads to another store."""

    zh = "调拨的目的地必须是另一个备件库。"
    help_en = "Name another store as the target."
    help_zh = "请选择另一备件库作为调入方。"


class DifferenceUnexplained(Invalid):
    """What came differs from what was expected and nobody said why: {differences}."""

    zh = "到货与预期不符且未说明原因：{differences_zh}。"
    help_en = "Give each difference its reason, or one reason for all."
    help_zh = "请为每处差异填写原因，或统一填写一个原因。"
