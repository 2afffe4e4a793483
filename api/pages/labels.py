"""Labels: what the values of the domain are called on the screen, in English and Chinese, and how urgent they look."""

import re
from typing import Literal

from api.languages import Language
from inventory.imports.imports import KINDS
from inventory.people.roles import RIGHTS, ROLE_NAMES

Tone = Literal["red", "orange", "yellow", "green", "azure", "blue", "secondary"]

LABELS: dict[str, dict[str, tuple[str, str]]] = {
    "request_state": {
        "reserved": ("reserved", "已预留"),
        "backordered": ("waiting for stock", "待货"),
        "shipped": ("shipped", "已出库"),
        "reconciled": ("reconciled", "已核销"),
        "cancelled": ("cancelled", "已取消"),
    },
    "severity": {"general": ("general", "一般故障"), "severe": ("severe", "严重故障")},
    "outcome": {
        "used": ("used", "已换上"),
        "returned_good": ("handed back, good", "退料（好件）"),
        "dead_on_arrival": ("dead on arrival (DOA)", "到货即损（DOA）"),
    },
    "order_state": {
        "draft": ("draft", "草稿"),
        "approved": ("approved", "已审批"),
        "placed": ("placed", "已下单"),
        "acknowledged": ("acknowledged", "供应商已确认"),
        "partly_received": ("partly received", "部分入库"),
        "received": ("received", "已入库"),
        "refused": ("refused", "供应商拒绝"),
        "cancelled": ("cancelled", "已取消"),
    },
    "order_kind": {"normal": ("regular purchase", "常规采购"), "emergency": ("emergency purchase", "应急增购")},
    "message_direction": {"sent": ("sent", "已发送"), "received": ("received", "已收到"), "failed": ("failed", "失败")},
    "transfer_state": {
        "proposed": ("awaiting approval", "待审批"),
        "draft": ("to be shipped", "待发出"),
        "shipped": ("in transit", "在途"),
        "partly_received": ("partly received", "部分入库"),
        "received": ("received", "已入库"),
        "closed": ("closed with a loss", "丢失结案"),
        "cancelled": ("cancelled", "已取消"),
    },
    "pick_list_state": {
        "open": ("to be picked", "待拣"),
        "short": ("not all found", "缺件"),
        "picked": ("picked", "已拣齐"),
        "shipped": ("shipped", "已出库"),
        "cancelled": ("cancelled", "已取消"),
    },
    "pick_state": {
        "open": ("to be picked", "待拣"),
        "short": ("not found", "未找到"),
        "picked": ("picked", "已拣"),
        "shipped": ("shipped", "已出库"),
        "dropped": ("dropped", "已撤下"),
    },
    "shipment_state": {
        "shipped": ("on the way", "运送中"),
        "failed": ("delivery failed", "派送失败"),
        "handed_over": ("signed for", "已签收"),
        "returned": ("brought back", "已退回"),
    },
    "provisional_state": {
        "conflict": ("conflict", "冲突待处理"),
        "open": ("waiting for its paper", "待补单"),
        "loss_reported": ("loss to be confirmed", "报失待确认"),
        "papered": ("papered", "已补单"),
        "brought_back": ("brought back", "已归还入库"),
        "lost": ("lost", "已丢失"),
        "dismissed": ("dismissed", "已撤销"),
    },
    "conflict": {
        "all_reserved": ("All of them there are reserved.", "该库此备件已全部被预留。"),
        "unit_unknown": ("The ledger does not know this number.", "台账中没有这个编号。"),
        "unit_elsewhere": ("The ledger has this unit somewhere else.", "台账显示该单件在其他地方。"),
        "not_good": ("By the ledger this unit is no good stock.", "台账显示该单件不是好件。"),
        "too_few": ("The ledger has fewer of them there.", "台账中该库数量不足。"),
        "picked": ("The unit was picked for something else.", "该单件已为其他单据拣出。"),
    },
    "shipment_entry": {
        "shipment.shipped": ("Left the store", "出库发运"),
        "shipment.handed_over": ("Signed for", "签收"),
        "shipment.failed": ("Delivery failed", "派送失败"),
        "shipment.sent_again": ("Sent again", "再次派送"),
        "shipment.returned": ("Brought back to the store", "退回备件库"),
    },
    "notice_state": {
        "expected": ("expected", "预计到货"),
        "partly_received": ("partly received", "部分入库"),
        "received": ("received", "已入库"),
        "closed": ("closed short", "短少结案"),
        "cancelled": ("cancelled", "已取消"),
    },
    "delivery_kind": {
        "purchase_order": ("purchase order", "采购订单"),
        "transfer": ("transfer", "调拨"),
        "advance_notice": ("advance notice (ASN)", "预到货通知（ASN）"),
    },
    "difference": {
        "partial": ("the rest still comes", "部分到货"),
        "short": ("will not come", "短少"),
        "over": ("more than expected", "多到"),
        "wrong_serial": ("serial not announced", "序列号不符"),
        "duplicate_serial": ("serial already in the ledger", "序列号重复"),
        "damaged": ("damaged", "破损"),
        "wrong_part": ("not expected here", "错件"),
    },
    "inspection_kind": {
        "incoming": ("incoming inspection", "到货检验"),
        "test": ("test", "测试"),
        "judgement": ("judgement", "判定"),
    },
    "inspection_result": {
        "passed": ("passed", "合格"),
        "failed": ("failed", "不合格"),
        "open": ("no result yet", "未出结果"),
    },
    "reservation_state": {
        "soft": ("promised", "预约中"),
        "pending": ("held", "已锁定"),
        "posted": ("handed out", "已出库"),
        "voided": ("released", "已释放"),
        "expired": ("expired", "已到期"),
        "taken_over": ("taken over", "已被占用"),
    },
    "priority_class": {
        "planned": ("planned", "计划性"),
        "general": ("general", "一般故障"),
        "severe": ("severe", "严重故障"),
        "emergency": ("emergency", "应急"),
    },
    "crossing_state": {
        "asked": ("awaiting approval", "待审批"),
        "crossed": ("crossed", "已调整"),
        "refused": ("refused", "已驳回"),
    },
    "handover_state": {
        "given": ("to be accepted", "待接收"),
        "accepted": ("accepted", "已接收"),
        "declined": ("declined", "已拒收"),
    },
    "store_kind": {
        "depot": ("depot", "备件库"),
        "onsite_store": ("on-site store", "驻场库"),
        "engineer_stock": ("engineer's stock", "个人备件库"),
    },
    "mode": {
        "courier": ("courier", "快递"),
        "same_city_courier": ("same-city courier", "同城快递"),
        "own_car": ("own car", "自有车辆"),
        "hand_carried": ("hand-carried", "人工携带"),
    },
    "case_state": {
        "open": ("open", "已启动"),
        "proposed": ("awaiting approval", "待审批"),
        "approved": ("approved", "已审批"),
        "acting": ("acting", "执行中"),
        "cover_restored": ("cover restored", "保障已恢复"),
        "closed": ("closed", "已关闭"),
        "stood_down": ("stood down", "已解除"),
    },
    "case_cause": {
        "level": ("stock below the critical point", "库存低于服务质量临界点"),
        "burst_and_level": ("failure burst, stock below the critical point", "突发大范围设备故障，库存低于临界点"),
        "declared": ("declared by a person", "人工启动"),
    },
    "case_entry": {
        "opened": ("Case opened", "启动应急方案"),
        "proposed": ("Measures proposed", "提出应急措施"),
        "approved": ("Measures approved", "应急措施获批"),
        "acting": ("Orders and transfers under way", "采购与调拨执行中"),
        "cover_restored": ("Cover restored", "保障恢复"),
        "cover_lost": ("Cover lost again", "保障再次失去"),
        "conditions_hold": ("Evidence has grown", "触发条件增加"),
        "proposing_again": ("Further measures asked for", "重新提出措施"),
        "closed": ("Case closed", "关闭应急方案"),
        "stood_down": ("Case stood down", "解除应急方案"),
    },
    "proposing_why": {
        "need_has_grown": ("failures went on: more is needed", "故障持续，需求增加"),
        "no_proposal_yet": ("nothing was proposed yet", "尚未提出措施"),
        "measures_not_enough": ("the measures did not suffice", "已到位的措施仍不足"),
        "vendor_refused": ("a vendor refused", "供应商拒绝交货"),
    },
    "approval_basis": {"standing_authority": ("standing authority", "常设授权"), "approver": ("an approver", "审批人")},
    "near_miss": {
        "burst_without_crossing": ("a burst, stock still above its lines", "故障突发，库存尚未越线"),
        "crossing_with_rising_burst": ("stock crossed its line, failures rising", "库存越线，故障上升中"),
    },
    "case_condition": {
        "in_burst": ("failures far above their average level", "突发故障远高于平均水平"),
        "crossed_critical_point": ("stock below the critical point", "库存低于服务质量临界点"),
        "under_average_line": ("stock at or under the average-failure line", "库存不高于平均故障水平线"),
    },
    "standing": {
        "below_critical_point": ("below the critical point", "低于服务质量临界点"),
        "under_average_line": ("at or under the average-failure line", "不高于平均故障水平线"),
        "below_base_stock": ("below base stock", "低于目标库存"),
        "covered": ("covered", "有保障"),
    },
    "line": {
        "critical_point": ("critical point", "服务质量临界点"),
        "average_failure_line": ("average-failure line", "平均故障水平线"),
        "reorder_point": ("reorder point", "再订货点"),
        "base_stock": ("base stock", "目标库存"),
    },
    "because": {
        "hand_set": ("set by hand", "人工设定"),
        "class": ("holds a service class", "由服务级别决定"),
        "planned": ("keeps what the plan expects", "保持计划水平"),
        "nothing": ("no class depends on it alone", "没有服务级别单独依赖它"),
        "unplanned": ("not in the approved plan", "未列入生效计划"),
    },
    "plan_state": {
        "proposed": ("awaiting approval", "待审批"),
        "approved": ("in force", "生效中"),
        "superseded": ("superseded", "已被替代"),
        "rejected": ("rejected", "已驳回"),
    },
    "plan_status": {
        "optimal": ("optimal", "最优"),
        "feasible": ("feasible", "可行"),
        "infeasible": ("infeasible", "无可行解"),
        "timed_out": ("timed out", "求解超时"),
    },
    "proof": {"lagrangian": ("Lagrangian bound", "拉格朗日下界"), "search": ("search", "搜索证明")},
    "job_state": {
        "queued": ("queued", "排队中"),
        "running": ("running", "进行中"),
        "done": ("done", "已完成"),
        "failed": ("failed", "失败"),
        "cancelled": ("cancelled", "已取消"),
    },
    "job_message": {
        "gathering the network": ("gathering the network", "汇集网络数据"),
        "sizing": ("sizing the stock", "计算目标库存"),
        "writing the plan": ("writing the plan", "写入计划"),
        "reading the file": ("reading the file", "读取文件"),
        "checking the rows": ("checking the rows", "检查数据"),
        "writing": ("writing", "写入数据"),
        "cancelled before the plan was written": ("cancelled before the plan was written", "写入计划前已取消"),
    },
    "import_kind": {name: (kind.en, kind.zh) for name, kind in KINDS.items()},
    "import_state": {
        "checking": ("checking", "检查中"),
        "refused": ("refused", "有错误"),
        "ready": ("ready to bring in", "可导入"),
        "importing": ("bringing in", "导入中"),
        "imported": ("brought in", "已导入"),
        "failed": ("failed", "失败"),
        "cancelled": ("cancelled", "已取消"),
    },
    "attachment_state": {"withdrawn": ("withdrawn", "已撤回"), "not withdrawn": ("not withdrawn", "未撤回")},
    "attachment_kind": {
        "signed_form": ("signed form", "签字单据"),
        "photo": ("photo", "照片"),
        "other": ("other", "其他"),
    },
    "condition": {
        "good": ("good", "好件"),
        "defective": ("defective", "坏件"),
        "quarantine": ("quarantine", "隔离"),
        "frozen": ("frozen", "冻结"),
        "in_test": ("in test", "检验中"),
        "scrapped": ("scrapped", "报废"),
        "unknown": ("unknown", "待判定"),
    },
    "provenance": {
        "maker_direct": ("maker direct", "原厂直供"),
        "authorised_channel": ("authorised channel", "授权渠道"),
        "vendor_exchange": ("vendor exchange", "厂家换件"),
        "recovered": ("recovered", "返修件"),
        "pulled": ("pulled part", "拆机件"),
        "broker": ("broker", "贸易商"),
        "unproven": ("unproven", "来源未证明"),
    },
    "movement_kind": {
        "receipt": ("goods receipt", "入库"),
        "issue": ("issue", "出库"),
        "transfer_in": ("transfer in", "调拨入库"),
        "adjustment": ("adjustment", "库存调整"),
        "opening": ("opening stock", "期初库存"),
        "return_from_site": ("material return", "退料"),
        "defective_return": ("defective return", "坏件返还"),
        "pool_crossing": ("change of pool", "库存归属调整"),
        "hand_over": ("handed over", "交出"),
        "hand_over_in": ("taken into one's hands", "接收"),
        "hand_over_back": ("handed back", "拒收退回"),
        "provisional_issue": ("taken without paper", "先发后补取件"),
        "brought_back": ("brought back", "归还入库"),
        "transfer_back": ("transfer brought back", "调拨退回"),
        "put_away": ("put-away", "上架"),
        "reversal": ("reversal", "冲销"),
        "condition": ("change of condition", "状态变更"),
        "handed_in": ("handed in", "送件入库"),
        "identification": ("identified", "识别"),
        "scrap": ("scrapped", "报废"),
        "loss": ("lost on the road", "在途丢失"),
        "found": ("found again", "丢失找回"),
    },
    "count_kind": {
        "cycle": ("cycle count", "循环盘点"),
        "surprise": ("surprise inspection", "抽查"),
        "full": ("full count", "全库盘点"),
        "recount": ("recount", "复盘"),
    },
    "count_state": {
        "counting": ("being counted", "盘点中"),
        "counted": ("to be posted", "待过账"),
        "posted": ("posted", "已过账"),
        "cancelled": ("called off", "已取消"),
    },
    "strange": {
        "unknown": ("unknown to the books", "台账中没有"),
        "lost_before": ("written off before", "此前已盘亏"),
        "other_bin": ("from another bin", "在其他库位"),
        "conflict": ("in the books elsewhere", "台账中在他处"),
    },
    "place": {
        "TRANSIT": ("in transit", "在途库"),
        "ISSUED": ("handed out", "已领出"),
        "ADJUSTMENT": ("stock adjustment", "库存调整"),
        "SCRAP": ("scrapped", "报废"),
        "UNPAPERED": ("waiting for its paper", "待补单"),
    },
    "pool": {"common": ("common", "公共库存")},
    "part_kind": {
        "drive": ("drive", "硬盘"),
        "fan": ("fan", "风扇"),
        "psu": ("power supply", "电源"),
        "memory": ("memory", "内存"),
        "raid_card": ("RAID card", "RAID 卡"),
        "raid_battery": ("RAID battery", "RAID 卡电池"),
        "storage_controller": ("storage controller", "存储控制器"),
        "swap_server": ("swap server", "整机备机"),
        "system_board": ("system board", "主板"),
        "unidentified": ("unidentified", "未识别"),
    },
    "rate_source": {
        "assumed": ("assumed", "假定"),
        "field_record": ("field record", "现场记录"),
        "history": ("our own history", "自有历史"),
    },
    "rung": {
        "engineer_stock": ("engineer's stock", "个人备件库"),
        "depot": ("serving depot", "责任备件库"),
        "other_depot": ("another depot", "其他备件库"),
        "substitute": ("substitute part", "可替换件"),
        "emergency": ("purchase", "采购"),
    },
    "reason": {
        "out_of_service": ("out of service", "该库停用"),
        "no_way_there": ("no way there", "无可用线路"),
        "after_need_by": ("after the need-by time", "晚于要求送达时间"),
        "cheapest_on_time": ("the cheapest source that is on time", "能按时送达的最低成本来源"),
        "earliest_possible": ("none is on time; the earliest there is", "均无法按时，取最早到达"),
        "no_free_stock_anywhere": ("no free stock anywhere", "全网无可用库存"),
        "waits_for_stock": ("waits for stock", "等待到货"),
        "stock_arrived": ("stock arrived and was reserved", "到货后已预留"),
        "arrived": ("stock arrived and was reserved", "到货后已预留"),
        "taken_over": ("its stock went to a more urgent purpose", "原预留被更高优先级占用"),
        "took_over": ("took over a less urgent reservation", "占用低优先级预留"),
    },
    "step": {
        "decide_case": ("decide on the emergency case", "审批应急方案"),
        "close_case": ("close the emergency case", "关闭应急方案"),
        "approve_order": ("approve the purchase order", "审批采购订单"),
        "order_refused": ("deal with the vendor's refusal", "处理供应商拒绝"),
        "ship_parts": ("hand out the parts", "领料出库"),
        "bind_paper": ("bring the paper for what was taken", "补单"),
        "resolve_conflict": ("resolve what the ledger could not follow", "处理先发后补冲突"),
        "recount": ("recount", "复盘"),
        "approve_plan": ("approve the stocking plan", "审批备货计划"),
        "count_stock": ("count the stock", "完成盘点"),
        "post_count": ("explain and post the count's differences", "说明盘点差异并过账"),
        "inspect_receipt": ("inspect what came in", "到货检验"),
        "judge_part": ("judge the part that was handed in", "判定送来的备件"),
        "find_transfer": ("find the overdue transfer", "追查逾期调拨"),
        "find_stock": ("find stock for a promise that begins", "为到期的预约备货"),
        "decide_crossing": ("decide on the change of pool", "审批库存归属调整"),
        "accept_handover": ("accept the parts handed over", "接收移交的备件"),
        "fill_shift": ("find somebody for the empty shift", "安排空班值守"),
        "fill_holiday_shift": ("find somebody for the empty holiday shift", "安排节假日空班值守"),
        "verify_phone": ("make sure of the phone number", "核实联系电话"),
        "check_duty_sheet": ("check the duty sheet for the holiday", "核对节假日值班表"),
    },
    "document": {
        "emergency_case": ("emergency case", "应急方案"),
        "purchase_order": ("purchase order", "采购订单"),
        "part_request": ("part request", "备件申请"),
        "transfer": ("transfer", "调拨单"),
        "plan": ("stocking plan", "备货计划"),
        "part": ("part", "备件"),
        "reservation": ("reservation", "预留"),
        "pick_list": ("pick list", "拣货单"),
        "shipment": ("shipment", "发运单"),
        "provisional_issue": ("taken without paper", "先发后补"),
        "ticket": ("ticket", "工单"),
        "device": ("device", "设备"),
        "count": ("count", "盘点单"),
        "receipt": ("goods receipt", "入库单"),
        "unit": ("unit", "单件"),
        "pool_crossing": ("change of pool", "库存归属调整"),
        "handover": ("handover", "移交单"),
        "place": ("store", "备件库"),
        "level": ("stock of a part", "库存"),
        "person": ("person", "人员"),
        "duty_post": ("duty", "值守岗位"),
        "duty_sheet": ("duty sheet", "值班表"),
    },
    "which_steps": {"mine": ("mine", "我的"), "my_store": ("my store's", "本库"), "late": ("late", "已逾期")},
    "rung_who": {"owner": ("owner", "责任人"), "key_holder": ("key-holder", "钥匙保管人"), **ROLE_NAMES},
    "duty_change": {
        "changed": ("changed", "调整"),
        "withdrawn": ("withdrawn", "撤销"),
        "swapped": ("swapped", "换班"),
    },
    "channel": {"mail": ("mail", "邮件"), "wecom": ("WeCom", "企业微信"), "dingtalk": ("DingTalk", "钉钉")},
    "message_state": {
        "waiting": ("being sent", "发送中"),
        "sent": ("sent", "已发送"),
        "failed": ("failed", "失败"),
        "off": ("channel not set up", "渠道未配置"),
    },
    "service": {
        "standing authority": ("standing authority", "常设授权"),
        "emergency": ("emergency watch", "应急监测"),
        "procurement": ("procurement", "采购"),
        "allocation": ("allocation", "库存分配"),
        "planning": ("planning", "计划"),
        "housekeeping": ("housekeeping", "日常维护"),
        "duty roster": ("duty roster", "值班巡查"),
        "setup": ("set-up", "初始化"),
        "demo": ("demo", "演示"),
    },
    "form": {
        "issue_note": ("Issue note", "出库单"),
        "goods_receipt_note": ("Goods receipt note", "入库单"),
        "transfer_note": ("Transfer note", "调拨单"),
        "delivery_note": ("Delivery note", "送货单"),
        "count_sheet": ("Count sheet", "盘点表"),
        "loan_note": ("Loan note", "借用单"),
        "loan_return_note": ("Loan return note", "归还单"),
        "gate_pass": ("Gate pass", "出门条"),
        "duty_sheet": ("Duty sheet", "值班表"),
    },
    "label_kind": {"unit": ("units", "单件"), "part": ("parts", "备件"), "bin": ("bins", "库位")},
    "label_size": {
        "a4_3x8": ("A4 sheet, 3 × 8 (70 × 37 mm)", "A4 整页 3×8（70×37 mm）"),
        "a4_4x10": ("A4 sheet, 4 × 10 (52.5 × 29.7 mm)", "A4 整页 4×10（52.5×29.7 mm）"),
        "50x30": ("single, 50 × 30 mm", "单张 50×30 mm"),
        "60x40": ("single, 60 × 40 mm", "单张 60×40 mm"),
        "100x50": ("single, 100 × 50 mm", "单张 100×50 mm"),
    },
    "hours": {"working": ("working hours", "工作时间"), "non_working": ("non-working hours", "非工作时间")},
    "role": ROLE_NAMES,
    "right": RIGHTS,
}
"""Every enumeration by its name: value → (English, Chinese)."""

_NUMBERED_REASONS = (
    (re.compile(r"only_(-?\d+)_free"), ("only {} free", "仅 {} 件可用")),
    (re.compile(r"needs_(\d+)_itself"), ("needs {} itself", "需自留 {} 件")),
    (re.compile(r"buy_from_(.+)"), ("buy from {}", "向 {} 采购")),
)

TONES: dict[str, dict[str, Tone]] = {
    "request_state": {
        "reserved": "azure",
        "backordered": "red",
        "shipped": "blue",
        "reconciled": "green",
        "cancelled": "secondary",
    },
    "severity": {"general": "secondary", "severe": "red"},
    "outcome": {"used": "green", "returned_good": "azure", "dead_on_arrival": "red"},
    "order_state": {
        "draft": "yellow",
        "approved": "azure",
        "placed": "azure",
        "acknowledged": "blue",
        "partly_received": "blue",
        "received": "green",
        "refused": "red",
        "cancelled": "secondary",
    },
    "order_kind": {"normal": "secondary", "emergency": "red"},
    "message_direction": {"sent": "blue", "received": "green", "failed": "red"},
    "transfer_state": {
        "proposed": "orange",
        "draft": "yellow",
        "shipped": "blue",
        "partly_received": "orange",
        "received": "green",
        "closed": "red",
        "cancelled": "secondary",
    },
    "pick_list_state": {
        "open": "yellow",
        "short": "red",
        "picked": "azure",
        "shipped": "green",
        "cancelled": "secondary",
    },
    "pick_state": {"open": "yellow", "short": "red", "picked": "green", "shipped": "green", "dropped": "secondary"},
    "provisional_state": {
        "conflict": "red",
        "open": "orange",
        "loss_reported": "red",
        "papered": "green",
        "brought_back": "green",
        "lost": "secondary",
        "dismissed": "secondary",
    },
    "shipment_state": {"shipped": "blue", "failed": "red", "handed_over": "green", "returned": "secondary"},
    "count_state": {"counting": "blue", "counted": "orange", "posted": "green", "cancelled": "secondary"},
    "strange": {"unknown": "orange", "lost_before": "azure", "other_bin": "azure", "conflict": "red"},
    "difference": {
        "partial": "azure",
        "short": "red",
        "over": "orange",
        "wrong_serial": "orange",
        "duplicate_serial": "red",
        "damaged": "red",
        "wrong_part": "red",
    },
    "case_state": {
        "open": "red",
        "proposed": "orange",
        "approved": "azure",
        "acting": "blue",
        "cover_restored": "green",
        "closed": "secondary",
        "stood_down": "secondary",
    },
    "reservation_state": {
        "soft": "yellow",
        "pending": "azure",
        "posted": "green",
        "voided": "secondary",
        "expired": "secondary",
        "taken_over": "orange",
    },
    "message_state": {"waiting": "blue", "sent": "green", "failed": "red", "off": "secondary"},
    "priority_class": {"emergency": "red", "severe": "orange"},
    "crossing_state": {"asked": "yellow", "crossed": "green", "refused": "secondary"},
    "handover_state": {"given": "yellow", "accepted": "green", "declined": "red"},
    "standing": {
        "below_critical_point": "red",
        "under_average_line": "orange",
        "below_base_stock": "yellow",
        "covered": "green",
    },
    "plan_state": {"proposed": "yellow", "approved": "green", "superseded": "secondary", "rejected": "secondary"},
    "plan_status": {"optimal": "green", "feasible": "azure", "infeasible": "red", "timed_out": "orange"},
    "import_state": {
        "checking": "blue",
        "refused": "red",
        "ready": "azure",
        "importing": "blue",
        "imported": "green",
        "failed": "red",
        "cancelled": "secondary",
    },
    "job_state": {"queued": "secondary", "running": "blue", "done": "green", "failed": "red", "cancelled": "secondary"},
    "condition": {
        "good": "green",
        "defective": "red",
        "quarantine": "orange",
        "frozen": "azure",
        "in_test": "blue",
        "scrapped": "secondary",
        "unknown": "orange",
    },
    "provenance": {
        "maker_direct": "green",
        "authorised_channel": "green",
        "vendor_exchange": "azure",
        "recovered": "azure",
        "pulled": "orange",
        "broker": "red",
        "unproven": "orange",
    },
}
"""How a value looks; whatever is not here looks plain."""


def label(kind: str, value: str, language: Language) -> str:
    """What a value is called; one that nobody named is shown as it is.

    >>> label("request_state", "reserved", "zh"), label("reason", "only_3_free", "en"), label("pool", "C-BANK", "zh")
    ('已预留', 'only 3 free', 'C-BANK')
    """
    names = LABELS[kind].get(value)
    if names is not None:
        return names[language == "zh"]
    if kind == "reason":
        for pattern, words in _NUMBERED_REASONS:
            match = pattern.fullmatch(value)
            if match:
                return words[language == "zh"].format(match[1])
    return value


def actor(name: str, language: Language) -> str:
    """Who acted: a person by user name, the service itself by what it did.

    >>> actor("buyer-1", "zh"), actor("service:emergency", "zh"), actor("service:vendor HUAXIN", "en")
    ('buyer-1', '系统（应急监测）', 'the service (vendor HUAXIN)')
    """
    if not name.startswith("service:"):
        return name
    part = label("service", name.removeprefix("service:"), language)
    return f"系统（{part}）" if language == "zh" else f"the service ({part})"


def tone(kind: str, value: str) -> Tone:
    """How a value looks.

    >>> tone("request_state", "backordered"), tone("mode", "courier")
    ('red', 'secondary')
    """
    return TONES.get(kind, {}).get(value, "secondary")
