"""The container files: the compose file keeps its published schema, and both name only what is there."""

import json
import re
from pathlib import Path

import jsonschema_rs
import yaml

from api.cli import main

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())


def test_the_compose_file_keeps_its_schema():
    schema = json.loads((ROOT / "tests" / "examples" / "compose-spec.json").read_text())

    assert [error.message for error in jsonschema_rs.validator_for(schema).iter_errors(COMPOSE)] == []


def test_every_container_runs_a_command_that_exists():
    commands = {name: service["command"] for name, service in COMPOSE["services"].items() if "command" in service}

    assert {program for program, *_ in commands.values()} == {"beijian"}
    assert {command[1] for command in commands.values()} <= set(main.commands)


def test_api_and_worker_wait_for_the_migration():
    waits = {name: COMPOSE["services"][name]["depends_on"] for name in ("api", "worker")}

    assert {tuple(wait) for wait in waits.values()} == {("migrate",)}
    assert {wait["migrate"]["condition"] for wait in waits.values()} == {"service_completed_successfully"}


def test_the_image_copies_only_what_is_there_and_let_in():
    copied = [
        name
        for line in re.findall(r"^COPY (?!--from)(.+)$", (ROOT / "Dockerfile").read_text(), re.MULTILINE)
        for name in line.split()[:-1]
    ]
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}

    assert copied
    for name in copied:
        assert (ROOT / name).exists()
        assert name in let_in


def test_settings_of_the_containers_are_documented():
    documented = (ROOT / "docs" / "reference" / "settings.md").read_text()

    for service in COMPOSE["services"].values():
        for name in service.get("environment", {}):
            assert name.startswith("POSTGRES_") or f"`{name}`" in documented
