"""What counting refuses."""

from inventory.ground.errors import Forbidden, Invalid, Refused


class CountClosed(Refused, constraint="count_is_closed"):
    """Count {number} is closed; what was counted and posted stays as it is."""

    zh = "盘点单 {number} 已关闭，盘点与过账结果不可更改。"
    help_en = "Open a recount of the part or bin."
    help_zh = "请对该备件或库位新建复盘。"


class CountFinished(Refused):
    """The counting of {number} is finished: who counts now may know what the books say."""

    zh = "{number} 已完成清点：此时再盘已非盲盘。"
    help_en = "Open a recount of the part or bin; once posted, it takes the place of that line."
    help_zh = "请对该备件或库位新建复盘；复盘过账后将取代本单该行。"


class SeedNotYours(Forbidden):
    """The seed of a surprise count is drawn by the service, or given by whoever inspects; {name} does not."""

    zh = "抽盘的随机种子由系统抽取，或由检查方、质量监督给定；{name} 不能自选。"
    help_en = "Leave the seed empty."
    help_zh = "请将随机种子留空。"


class NothingNamed(Invalid):
    """A recount names a part, a bin, or both."""

    zh = "复盘须指定备件、库位，或两者。"
    help_en = "Give a part number or a bin of the store."
    help_zh = "请填写备件编号或该库的库位。"


class NothingDrawn(Refused):
    """In the bins of {depot} that the lot fell on, nothing is to be counted."""

    zh = "{depot} 抽中的库位内没有可盘点的内容。"
    help_en = "Draw more bins, or with another seed."
    help_zh = "请增加抽取的库位数，或更换随机种子。"


class NothingToCount(Refused):
    """There is nothing to count at {depot} that is not being counted already."""

    zh = "{depot} 没有需要盘点且未在盘点中的内容。"
    help_en = "Finish the open counts first, or name a part or bin that lies there."
    help_zh = "请先完成进行中的盘点，或指定该库现有的备件或库位。"


class CountTooLarge(Invalid):
    """A count holds at most {most} lines; this one would have {lines}."""

    zh = "一张盘点单最多 {most} 行，当前为 {lines} 行。"
    help_en = "Count the store bin by bin or part by part."
    help_zh = "请按库位或按备件分批盘点。"


class CountedOutOfTime(Invalid):
    """A count made at {counted_at} cannot be compared: it must lie after {earliest} and not in the future."""

    zh = "盘点时间 {counted_at} 无法比对：须在 {earliest} 之后，且不得晚于当前时间。"
    help_en = "Check the clock of the device; what was counted more than seven days ago, or before the sheet, is counted anew."
    help_zh = "请核对设备时间；超过七天或早于盘点单的记录须重新盘点。"


class ScanIdReused(Invalid):
    """The scan “{client_id}” was recorded before with other content."""

    zh = "扫描记录“{client_id}”此前已以不同内容登记。"
    help_en = "Give every new scan an id of its own; repeat an old one unchanged."
    help_zh = "新扫描请使用新的编号；重发时请保持内容不变。"


class SerialsNotCounted(Invalid):
    """{part_number} is counted by serial: scan the pieces; a quantity says too little."""

    zh = "{part_number} 按序列号盘点：请逐件扫描，而不是填写数量。"
    help_en = "Scan each serial or tag; where none is there, send an empty list."
    help_zh = "请逐件扫描序列号或备件条码；一件也没有时请提交空列表。"


class QuantityNotCounted(Invalid):
    """{part_number} is counted by pieces: a quantity is needed, and no serials."""

    zh = "{part_number} 按数量盘点：需要填写数量，无需序列号。"
    help_en = "Count the pieces; 0 where none is there."
    help_zh = "请清点件数；没有时填 0。"


class CountIncomplete(Refused):
    """{number}: {missing} of {lines} lines are not counted yet."""

    zh = "{number}：{lines} 行中还有 {missing} 行未盘点。"
    help_en = "Count the lines listed under `uncounted`; 0 where nothing is there."
    help_zh = "请盘点 uncounted 所列各行；没有实物时填 0。"


class DifferencesUnexplained(Refused):
    """{number}: {missing} differences have no reason, or have changed since theirs was given."""

    zh = "{number}：{missing} 处差异尚未说明原因，或说明后差异已变化。"
    help_en = "Look at the last movements of each difference and say why it differs."
    help_zh = "请查看各差异的最近流水并说明原因。"


class CountFourEyes(Forbidden):
    """Differences worth more than {limit} CNY are posted by somebody with the right to correct stock who did not count."""

    zh = "差异金额超过 {limit} 元，须由未参与盘点且有库存调整权限的人员过账。"
    help_en = "Ask a quality supervisor or an administrator; the count waits for them."
    help_zh = "请由质量监督或系统管理员审批过账；盘点单将等待处理。"


class MissingIsReserved(Refused):
    """{missing} of {part_number} are missing at {depot}, only {free} are free: the rest is reserved by {reservations}."""

    zh = "{depot} 的 {part_number} 盘亏 {missing} 件，可用仅 {free} 件，其余已被预留：{reservations}。"
    help_en = "Void or re-source those reservations first, so that nobody waits for what is not there; then post again."
    help_zh = "请先作废或改派这些预留，避免承诺不存在的库存，然后再过账。"


class ConditionUnknown(Invalid, constraint="count_line_condition_is_known"):
    """Stock has no such condition."""

    zh = "没有这种备件状态。"
    help_en = "It is good, defective, quarantine, frozen, in_test, scrapped or unknown."
    help_zh = "可用状态：good、defective、quarantine、frozen、in_test、scrapped、unknown。"


class CountSharesDescend(Invalid, constraint="count_policy_shares_ascend"):
    """The share of class B must not be below that of A."""

    zh = "B 类累计占比不得低于 A 类。"
    help_en = "Customary are 0.80 and 0.95."
    help_zh = "通常为 0.80 与 0.95。"
