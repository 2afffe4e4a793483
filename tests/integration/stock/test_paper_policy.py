"""The policy of papers: set by those who may, kept version by version, and followed by what is recorded after."""

import pytest

from inventory.ground import audit, steps
from inventory.ground.errors import NotGranted
from inventory.requests import papering
from inventory.requests.papering import Resolution
from inventory.stock import paper_policy, provisional
from inventory.stock.paper_policy import PaperPolicy
from tests.world import AUDITOR, FAN, KEEPER, PSU, SUPERVISOR

QUALITY = {"role": "quality_supervisor"}
SOON = PaperPolicy(within_hours=2, on_working_days=False)


async def taken(code: str, part: str = FAN, quantity: int = 1) -> provisional.ProvisionalIssueView:
    new = provisional.NewProvisionalIssue(client_id=code, depot="GZ", code=part, quantity=quantity)
    return await provisional.take(new, by=KEEPER)


async def test_what_is_recorded_follows_the_policy_that_holds_and_keeps_its_due_time(company):
    before = await taken("one")
    await paper_policy.put_in_force(SOON, by=SUPERVISOR, remark="an audit is near")
    after = await taken("two")

    assert (after.due_at - after.recorded_at).total_seconds() == pytest.approx(7200, abs=60)
    assert (await provisional.provisional_issue_view(before.id)).due_at == before.due_at > after.due_at
    due = {step.subject: step.due_at for step in await steps.open_steps(limit=50, seen_by=AUDITOR)}
    assert (due[before.number], due[after.number]) == (before.due_at, after.due_at)


async def test_a_resolved_conflict_follows_it_too(company):
    await paper_policy.put_in_force(SOON, by=SUPERVISOR)
    issue = await taken("many", PSU, 99)
    await papering.resolve(issue.id, Resolution(reason="bought by the site"), by=SUPERVISOR)
    (step,) = [s for s in await steps.open_steps(limit=50, seen_by=AUDITOR) if s.subject == issue.number]
    assert (step.kind, (step.due_at - step.opened_at).total_seconds()) == ("bind_paper", pytest.approx(7200, abs=60))


async def test_every_version_is_kept_and_in_the_audit_trail(company):
    assert (await paper_policy.in_force()).set_by is None
    first = await paper_policy.put_in_force(SOON, by=SUPERVISOR, remark="an audit is near")
    second = await paper_policy.put_in_force(PaperPolicy(), by=SUPERVISOR)

    assert [each.version for each in await paper_policy.versions(limit=9)] == [second.version, first.version]
    assert await paper_policy.versions(limit=9, after=second.version) == [first]
    trail = await audit.entries(limit=9, subject="paper_policy")
    assert [(e.actor, e.change["within_hours"], e.reason) for e in trail] == [
        (SUPERVISOR.name, 24, ""),
        (SUPERVISOR.name, 2, "an audit is near"),
    ]
    with pytest.raises(NotGranted):
        await paper_policy.put_in_force(SOON, by=KEEPER)


async def test_the_policy_over_http(api):
    path = "/provisional-issues/policy"
    wanted = {"within_hours": 48, "on_working_days": True, "resume_hour": 9, "remark": "r"}

    assert (await api.post(path, wanted, role=None)).status_code == 401
    assert (await api.post(path, wanted, role="warehouse_keeper")).status_code == 403
    for wrong in ({"within_hours": 0}, {"resume_hour": 24}, {"within_hours": 1.5}):
        assert (await api.post(path, wanted | wrong, **QUALITY)).status_code == 422
    done = await api.post(path, wanted, **QUALITY)
    assert (done.status_code, done.json()["policy"]["resume_hour"], done.json()["remark"]) == (201, 9, "r")
    assert (await api.get(path, role="engineer")).json() == done.json()
    listed = await api.get(f"{path}/versions", role="auditor")
    assert [each["policy"]["within_hours"] for each in listed.json()["items"]] == [48]
