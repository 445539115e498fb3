"""The alert rules: each fires for its own condition alone, and leads to a chapter of the runbook."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
import yaml
from support.prometheus import ALERTS, promtool, rules

from keyart_server.dashboard import alerts as dashboard_alerts

ROOT = Path(__file__).parents[2]
RUNBOOK = "https://github.com/keyart/keyart/blob/main/docs/how-to/runbook.md#"
SERVER = 'job="keyart-server",instance="a:8080"'

# Series of a fleet that needs nobody, as promtool writes them: two minutes between two values.
HEALTHY = {
    f"up{{{SERVER}}}": "1x60",
    f"keyart_database_up{{{SERVER}}}": "1x60",
    'keyart_database_connections{state="in_use",instance="a:8080"}': "3x60",
    'keyart_database_connections_max{instance="a:8080"}': "30x60",
    'keyart_requests_total{status="200",job="keyart-server"}': "0+60x60",
    'keyart_requests_total{status="500",job="keyart-server"}': "0+1x60",
    "keyart_engine_last_step_timestamp_seconds": "0+120x60",
    "keyart_gateways": "2x60",
    "keyart_gateways_silent": "0x60",
    'keyart_rounds{status="masked"}': "1x60",
    'keyart_round_seconds_count{kind="training",outcome="failed"}': "0x60",
    "keyart_round_overdue_seconds": "0x60",
    'keyart_stage_devices_asked_total{stage="share"}': "0+100x60",
    'keyart_stage_devices_answered_total{stage="share"}': "0+90x60",
    'keyart_campaigns{state="running"}': "1x60",
    "keyart_campaigns_paused_by_server": "0x60",
    "keyart_campaigns_blocked": "0x60",
    "keyart_catalog_loaded": "1x60",
    'keyart_releases{status="released"}': "2x60",
    'keyart_releases{status="held"}': "0x60",
    'keyart_releases{status="waiting"}': "0x60",
    "keyart_rollbacks_pending": "0x60",
    "keyart_webhooks_disabled": "0x60",
    "keyart_bundles_damaged": "0x60",
    "keyart_bundle_expires_timestamp_seconds": "200000x60",
    'keyart_certificate_expires_timestamp_seconds{certificate="listener"}': "9000000x60",
    "keyart_epsilon_budget": "8x60",
    "keyart_epsilon_spent": "2x60",
    "keyart_epsilon_next_round": "0.5x60",
    "keyart_epsilon_exhausted_timestamp_seconds": "9000000x60",
    'keyart_sign_in_failures_total{method="password"}': "0x60",
    "keyart_backup_timestamp_seconds": "3600x60",
}
# Alert, and the one series that differs; None leaves it out.
CASES: list[tuple[str | None, str, str | None]] = [
    (None, "keyart_gateways", "2x60"),
    ("KeyartProcessDown", f"up{{{SERVER}}}", "0x60"),
    ("KeyartDatabaseAway", f"keyart_database_up{{{SERVER}}}", "0x60"),
    ("KeyartDatabaseConnectionsUsed", 'keyart_database_connections{state="in_use",instance="a:8080"}', "29x60"),
    ("KeyartEngineStopped", "keyart_engine_last_step_timestamp_seconds", "60x60"),
    ("KeyartEngineStopped", "keyart_engine_last_step_timestamp_seconds", None),
    ("KeyartServerErrors", 'keyart_requests_total{status="500",job="keyart-server"}', "0+6x60"),
    ("KeyartNoGateway", "keyart_gateways", "0x60"),
    ("KeyartGatewaySilent", "keyart_gateways_silent", "1x60"),
    ("KeyartRoundsFailed", 'keyart_round_seconds_count{kind="training",outcome="failed"}', "0x15 1x60"),
    ("KeyartRoundStuck", "keyart_round_overdue_seconds", "0+60x60"),
    ("KeyartDevicesDropOut", 'keyart_stage_devices_answered_total{stage="share"}', "0+55x60"),
    ("KeyartCampaignPaused", "keyart_campaigns_paused_by_server", "1x60"),
    ("KeyartCampaignBlocked", "keyart_campaigns_blocked", "1x60"),
    ("KeyartNoCatalogue", "keyart_catalog_loaded", "0x60"),
    ("KeyartNoModel", 'keyart_releases{status="released"}', "0x60"),
    ("KeyartReleaseHeld", 'keyart_releases{status="held"}', "1x60"),
    ("KeyartReleaseWaiting", 'keyart_releases{status="waiting"}', "1x60"),
    ("KeyartRollbackPending", "keyart_rollbacks_pending", "1x60"),
    ("KeyartWebhookDisabled", "keyart_webhooks_disabled", "1x60"),
    ("KeyartBundlesDamaged", "keyart_bundles_damaged", "1x60"),
    ("KeyartSignature", "keyart_bundle_expires_timestamp_seconds", "40000x60"),
    (
        "KeyartCertificateExpires",
        'keyart_certificate_expires_timestamp_seconds{certificate="listener"}',
        "1000000x60",
    ),
    ("KeyartBudgetSpent", "keyart_epsilon_spent", "7.6x60"),
    ("KeyartBudget", "keyart_epsilon_exhausted_timestamp_seconds", "1000000x60"),
    ("KeyartSignInFailures", 'keyart_sign_in_failures_total{method="password"}', "0+10x60"),
    ("KeyartBackupOld", "keyart_backup_timestamp_seconds", "-200000x60"),
    ("KeyartBackupOld", "keyart_backup_timestamp_seconds", None),
]


def rule_test(alert: str | None, series: str, values: str | None) -> dict[str, object]:
    """A test of `promtool test rules`: after 90 minutes this alert fires, and no other."""
    assert series in HEALTHY
    inputs = [{"series": name, "values": value} for name, value in {**HEALTHY, series: values}.items() if value]
    firing = [] if alert is None else [{"labels": f'{{alertname="{alert}"}}', "value": 1}]
    expression = 'count by (alertname) (ALERTS{alertstate="firing"})'
    expected = {"expr": expression, "eval_time": "90m", "exp_samples": firing}
    return {"interval": "2m", "input_series": inputs, "promql_expr_test": [expected]}


@pytest.mark.service
def test_each_alert_fires_for_its_own_condition(tmp_path: Path) -> None:
    content = {
        "rule_files": [str(ALERTS)], "evaluation_interval": "2m", "tests": [rule_test(*case) for case in CASES],
    }  # fmt: skip
    (tmp_path / "tests.yaml").write_text(yaml.safe_dump(content, sort_keys=False), "utf-8")
    assert "SUCCESS" in promtool("check", "rules", ALERTS)
    promtool("test", "rules", tmp_path / "tests.yaml")


@pytest.mark.service
def test_the_configuration_is_one_of_prometheus() -> None:
    assert "SUCCESS" in promtool("check", "config", ALERTS.parent / "prometheus.yaml")


def test_every_alert_has_a_case() -> None:
    assert {alert for alert, *_ in CASES if alert} == {rule["alert"] for rule in rules()}


@pytest.mark.parametrize("rule", rules(), ids=lambda rule: str(rule["alert"]))
def test_an_alert_says_what_it_means_and_what_to_do(rule: dict[str, dict[str, str]]) -> None:
    annotations = rule["annotations"]
    assert set(annotations) == {"summary", "description", "runbook_url"} and all(annotations.values())
    assert rule["labels"]["severity"] in ("page", "ticket")
    assert annotations["description"].endswith(".")
    page = (ROOT / "docs" / "how-to" / "runbook.md").read_text("utf-8")
    anchors = {heading.lower().replace(" ", "-") for heading in re.findall(r"^#+ (.+)$", page, re.MULTILINE)}
    assert annotations["runbook_url"].startswith(RUNBOOK)
    assert annotations["runbook_url"].removeprefix(RUNBOOK) in anchors
    monitoring = (ROOT / "docs" / "how-to" / "monitoring.md").read_text("utf-8")
    assert f"`{rule['alert']}`" in monitoring


def test_what_the_dashboard_asks_for_is_an_alert() -> None:
    """The conditions under "Action required" have a rule of the same name."""
    tree = ast.parse(Path(dashboard_alerts.__file__).read_text("utf-8"))
    titles = {
        node.args[0].value
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Alert"
        if isinstance(node.args[0], ast.Constant)
    }
    assert len(titles) >= 12
    names = {"Keyart" + "".join(word.capitalize() for word in str(title).split()) for title in titles}
    # Whether a campaign can progress is a forecast; what it leads to are blocked campaigns and failed rounds.
    assert names - {"KeyartCampaignCannotProgress"} <= {rule["alert"] for rule in rules()}
