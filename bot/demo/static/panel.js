// The side panel: what this is, commands to try, and the demo's own controls.

import { element } from "./format.js";

const MAX_TRIES = 8;
const by = (id) => document.getElementById(id);

const toggle = (open) => by("panel").classList.toggle("open", open);
by("panel-open").addEventListener("click", () => toggle(true));
by("panel-close").addEventListener("click", () => toggle(false));
by("scrim").addEventListener("click", () => toggle(false));
document.addEventListener("keydown", (event) => { if (event.key === "Escape") toggle(false); });

export function setTries(commands, send) {
  by("try").hidden = !commands.length;
  by("try-chips").replaceChildren(...commands.slice(0, MAX_TRIES).map((command) => {
    const chip = element("button", "chip", `/${command.command}`);
    chip.title = command.description;
    chip.addEventListener("click", () => { toggle(false); send(`/${command.command}`); });
    return chip;
  }));
}

export function setControls(controls, run, toast, lost) {
  const groups = new Map();
  for (const control of controls) {
    if (!groups.has(control.group)) groups.set(control.group, group(control.group));
    groups.get(control.group).lastChild.append(button(control, run, toast, lost));
  }
  by("controls").replaceChildren(...groups.values());
}

function group(title) {
  const made = element("section", "group");
  made.append(element("h2", "", title), element("div", "chips"));
  return made;
}

function button(control, run, toast, lost) {
  const made = element("button", "control", control.label);
  made.addEventListener("click", async () => {
    made.classList.add("busy");
    try {
      const { note } = await run(control.id);
      if (note) toast(note);
    } catch (error) {
      lost(error);
    }
    made.classList.remove("busy");
  });
  return made;
}
