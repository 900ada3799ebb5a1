"""Asks the host for secrets, state, commands and changes of the plan, as ../src does."""

import hookward
from hookward import plan, state


def run(event):
    config = hookward.config("ask", "name", "value")
    ask, name, value = config.text("ask"), config.text("name", ""), config.text("value", "")
    if ask == "secret":
        hookward.info("read", length=len(hookward.secret(name)))
    elif ask == "state":
        remember(name)
    elif ask == "no-key":
        state[""] = "x"
    elif ask == "command":
        output = hookward.command(name, {"what": value}, env={"GREETING": "hello"}, stdin="from stdin")
        hookward.info("ran", said=output.text())
    elif ask == "any-end":
        places = {"what": value}
        output = hookward.command(name, places, env={"GREETING": "hello"}, stdin=b"from stdin", check=False)
        hookward.info("ended", success=str(output.code == 0).lower(), said=output.stderr_text())
    elif ask == "plan":
        plan.add_sources([value])
        plan.add_tags(["frozen", "größe"])
        plan.add_excludes(["*.tmp"])
        plan.set_env("RESTIC_COMPRESSION", "max")
    elif ask == "sources":
        plan.set_sources([value])
    else:
        raise hookward.Error(f"nothing is called {ask}")


def remember(name):
    runs = state.get("runs", 0) + 1
    last = state.get("last", "nobody")
    state["runs"] = runs
    state["last"] = name
    state.set_bytes("gone", b"not JSON")
    kept = "gone" in state and state.get_bytes("gone") == b"not JSON"
    del state["gone"]
    gone = "gone" not in state and len(state) == 2
    hookward.info("kept", runs=runs, last=last, keys=" ".join(state), gone=str(kept and gone).lower())


WitWorld = hookward.hook(run)
