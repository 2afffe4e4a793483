"""Settings: read once, wrong ones refused in a sentence."""

import stat

import pytest

from api import settings
from api.settings import SettingsError


def read(tmp_path, **environment: str) -> settings.Settings:
    return settings.read({"BEIJIAN_STATE": str(tmp_path), **environment})


def test_without_a_database_it_says_how_to_get_one(tmp_path):
    with pytest.raises(SettingsError, match="DATABASE_URL"):
        read(tmp_path)


@pytest.mark.parametrize("port", ["0", "65536", "-1", "http", "80 ", "８０"])
def test_a_port_that_is_none_is_refused(tmp_path, port):
    with pytest.raises(SettingsError, match="PORT"):
        read(tmp_path, DATABASE_URL="postgresql://x", PORT=port)


def test_commands_beside_a_running_service_find_its_database(tmp_path):
    (tmp_path / "database.url").write_text("postgresql://embedded\n")

    assert read(tmp_path).database_url == "postgresql://embedded"
    assert read(tmp_path, DATABASE_URL="postgresql://other").database_url == "postgresql://other"


def test_a_machines_secret_is_made_once_and_only_its_owner_reads_it(tmp_path):
    first = read(tmp_path, DATABASE_URL="postgresql://x").secret
    again = read(tmp_path, DATABASE_URL="postgresql://x").secret

    assert first == again
    assert len(first) == 64
    assert stat.S_IMODE((tmp_path / "secret").stat().st_mode) == 0o600
    assert read(tmp_path, DATABASE_URL="postgresql://x", BEIJIAN_SECRET="shared").secret == "shared"


def test_cookies_are_secure_behind_https(tmp_path):
    assert read(tmp_path, DATABASE_URL="postgresql://x", BEIJIAN_URL="https://parts.example").secure_cookies
    assert not read(tmp_path, DATABASE_URL="postgresql://x").secure_cookies


def test_a_mail_server_is_read_from_one_address(tmp_path):
    mail = read(
        tmp_path,
        DATABASE_URL="postgresql://x",
        BEIJIAN_SMTP="smtps://duty%40parts.example:p%3Ass@mail.example",
        BEIJIAN_MAIL_FROM="duty@parts.example",
    ).mail

    assert (mail.host, mail.port, mail.encryption) == ("mail.example", 465, "tls")
    assert (mail.username, mail.password) == ("duty@parts.example", "p:ss")
    assert read(tmp_path, DATABASE_URL="postgresql://x").mail is None


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("BEIJIAN_SMTP", "mail.example:hunter2"),
        ("BEIJIAN_SMTP", "https://user:hunter2@mail.example"),
        ("BEIJIAN_SMTP", "smtp://user:hunter2@mail.example:many"),
        ("BEIJIAN_MAIL_FROM", "hunter2"),
        ("BEIJIAN_WECOM_ROBOT", "hunter2"),
        ("BEIJIAN_DINGTALK_ROBOT", "file:///hunter2"),
    ],
)
def test_what_is_wrong_with_a_channel_is_told_without_its_secret(tmp_path, name, value):
    given = {"BEIJIAN_SMTP": "smtp://mail.example", "BEIJIAN_MAIL_FROM": "duty@parts.example", name: value}
    with pytest.raises(SettingsError, match=name) as refused:
        read(tmp_path, DATABASE_URL="postgresql://x", **given)

    assert "hunter2" not in str(refused.value)
