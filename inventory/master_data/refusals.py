"""What is refused when master data is entered or changed."""

from inventory.ground.errors import Invalid, Refused, Unknown


class UnknownKind(Unknown):
    """There is no kind of master data “{key}”."""

    zh = "没有名为“{key}”的基础数据。"
    help_en = "Kinds: {kinds}."
    help_zh = "可用类别：{kinds}。"


class FieldsInvalid(Invalid):
    """Some fields are not right: {problems}."""

    zh = "部分字段有误：{problems_zh}。"
    help_en = "Correct them and send it again; nothing was changed."
    help_zh = "请更正后重新提交；未做任何更改。"


class AlreadyThere(
    Refused,
    constraint=(
        "coverage_is_unique",
        "service_term_is_unique",
        "forbidden_part_is_named_once",
        "swap_unit_is_named_once",
        "substitution_is_unique",
        "model_part_is_unique",
        "offer_is_unique",
        "authorisation_is_unique",
        "vendor_closure_is_unique",
        "vendor_is_one_per_party",
        "calendar_code_key",
        "service_class_code_key",
    ),
):
    """{what} {key} is already there."""

    zh = "{what_zh} {key} 已存在。"
    help_en = "Change the one that is there."
    help_zh = "请修改已有的记录。"


class Outdated(Refused):
    """{what} {key} was changed by somebody else meanwhile."""

    zh = "{what_zh} {key} 已被他人修改。"
    help_en = "Read it again, and make your change to what it is now."
    help_zh = "请重新读取，并在最新内容上修改。"


class EndsBeforeItStarts(
    Invalid,
    constraint=(
        "substitution_ends_after_it_starts",
        "contract_ends_after_it_starts",
        "authorisation_ends_after_it_starts",
        "vendor_closure_ends_after_it_starts",
        "device_retires_after_it_is_installed",
        "calendar_opens_before_it_closes",
    ),
):
    """It would end before it starts."""

    zh = "结束早于开始。"
    help_en = "Correct one of the two."
    help_zh = "请更正其中之一。"


class LeadsToItself(Invalid, constraint=("lane_leads_elsewhere", "substitution_is_another_part")):
    """It would lead from something to itself."""

    zh = "起点与终点相同。"
    help_en = "Choose two different ones."
    help_zh = "请选择不同的两项。"


class QuantitiesDoNotFit(Invalid, constraint="offer_quantities_fit"):
    """The offer's quantities do not fit each other."""

    zh = "报价的数量互相矛盾。"
    help_en = "The maximum quantity is at least the minimum quantity, and both are 1 or more."
    help_zh = "最大订购量不得小于最小订购量，且均不小于 1。"


class ExpeditedIncomplete(Invalid, constraint="offer_expedited_is_whole"):
    """The three expedited terms go together."""

    zh = "加急三项须同时填写或同时留空。"
    help_en = "Give hours, price and fee, or none of them."
    help_zh = "请同时填写加急交期、单价和费用，或全部留空。"


class ExchangeFeeWithoutTime(Invalid, constraint="offer_exchange_fee_has_its_time"):
    """An exchange that has a fee has its time too."""

    zh = "填写换件费时须同时填写先行换件时间。"
    help_en = "Give the hours until the good piece comes; without a fee it exchanges under warranty alone."
    help_zh = "请填写好件到达所需小时数；不填换件费表示仅在保内换件。"


class EndpointMissing(Invalid, constraint="vendor_channel_has_its_endpoint"):
    """A vendor that takes orders over HTTP needs an address for them."""

    zh = "接口下单的供应商必须填写接口地址。"
    help_en = "Give the address, or order by hand."
    help_zh = "请填写接口地址，或改为人工下单。"


class RegistrationTaken(Refused, constraint="device_registration_number_key"):
    """This registration number belongs to another device."""

    zh = "该登记号已属于另一设备。"
    help_en = "Look up the device that carries it; correct the number if it was misread."
    help_zh = "请查询使用该登记号的设备；如录入有误请更正。"


class HoursNotPositive(Invalid, constraint=("lane_hours_are_positive", "service_class_time_is_positive")):
    """The time must be more than nothing."""

    zh = "时长必须大于 0。"
    help_en = "Give hours, such as 0.5 for half an hour."
    help_zh = "请填写小时数，例如半小时填 0.5。"
