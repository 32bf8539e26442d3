"""Agents of the real client that no Agent call of their type launched: workflows, forks, skills, teammates."""

import json

import pytest

from tests.client.script import bash, calls, says, tool
from tests.client.terminal import at_terminal
from tests.client.trees import golden
from tests.client.world import World

pytestmark = pytest.mark.stack

WORKFLOW = """\
export const meta = { name: 'sweep', description: 'sweeps', phases: [{ title: 'one' }] }
phase('one')
return await parallel([() => agent('SUBTASK-A', { label: 'a' }), () => agent('SUBTASK-B', { label: 'b' })])
"""


def test_agents_of_a_workflow_are_in_its_call(world: World) -> None:
    """A workflow's agents hang from its call with all their own, although the call and its turn had ended."""
    script = {
        "the errand": [calls(tool("Workflow", "sweep", script=WORKFLOW)), says("launched")],
        "SUBTASK-A": [calls(bash("deep", "sleep 1; echo deep")), says("did A")],
        "SUBTASK-B": [says("did B")],
        "<task-notification>": [says("noted")],
    }
    world.scripted(script).installed()

    assert world.claude("-p", "run the errand with a workflow", "--allowedTools", "Bash,Workflow").code == 0
    assert world.tree(in_order=False) == golden("agents_of_a_workflow_are_in_its_call")


def test_a_fork_is_in_its_call(world: World) -> None:
    """A fork has what it said itself, and not what its transcript was given of its parent's."""
    fork = tool("Agent", "fork", description="f", prompt="SUBTASK-F", subagent_type="fork")
    script = {
        "the errand": [calls(bash("one", "echo 1")), calls(fork, first="forking"), says("launched")],
        "SUBTASK-F": [calls(bash("deep", "sleep 1; echo deep")), says("did F")],
        "<task-notification>": [says("noted")],
    }
    world.scripted(script).installed()

    assert world.claude("-p", "run the errand", "--allowedTools", "Bash,Agent").code == 0
    assert world.tree(in_order=False) == golden("a_fork_is_in_its_call")


def test_an_agent_of_a_skill_is_in_its_call(world: World) -> None:
    """A skill that forks launches an agent, which hangs from the call of the skill."""
    skill = world.project / ".claude" / "skills" / "inspect" / "SKILL.md"
    skill.parent.mkdir(parents=True)
    skill.write_text("---\nname: inspect\ndescription: inspects\ncontext: fork\n---\nSUBTASK-S\n")
    script = {
        "the errand": [calls(tool("Skill", "skill", skill="inspect")), says("done")],
        "SUBTASK-S": [calls(bash("deep", "echo deep")), says("did S")],
        "<task-notification>": [says("noted")],
    }
    world.scripted(script).installed()

    assert world.claude("-p", "run the errand", "--allowedTools", "Bash,Skill").code == 0
    assert world.tree(in_order=False) == golden("an_agent_of_a_skill_is_in_its_call")


def test_a_teammate_is_in_its_call(world: World) -> None:
    """A teammate, whose type is its name, hangs from the call that hired it, until it stops."""
    hire = tool(
        "Agent",
        "hire",
        description="mate",
        prompt="SUBTASK-T",
        subagent_type="general-purpose",
        name="bob",
        team_name="alpha",
        run_in_background=True,
    )
    script = {
        "make a team": [calls(hire), says("waiting for bob"), says("thanks")],
        "SUBTASK-T": [calls(bash("deep", "sleep 2; echo mate")), says("did T")],
    }
    world.scripted(script).installed()
    settings = json.loads(world.settings.read_text())
    world.configure({**settings, "env": {"CLAUDE_CODE_EXPERIMENTAL_AGENT_TEAMS": "1"}})
    with at_terminal(world, "--permission-mode", "default", "--allowedTools", "Bash,Agent") as person:
        person.says("make a team")
        world.wait_for("TeammateIdle")
        world.wait_for("Stop", 2)

        assert person.leaves() == 0
    assert world.tree(in_order=False) == golden("a_teammate_is_in_its_call")
