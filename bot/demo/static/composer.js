// The line one writes in: growing text, "/" suggestions, the menu button, replies.

import { element, snippet } from "./format.js";
import { openAddress } from "./bubbles.js";

const by = (id) => document.getElementById(id);

export class Composer {
  constructor(actions) {
    this.actions = actions;
    this.input = by("input");
    this.list = by("suggestions");
    this.commands = [];
    this.active = -1;
    this.replied = null;
    this.input.addEventListener("input", () => this.onInput());
    this.input.addEventListener("keydown", (event) => this.onKey(event));
    this.input.addEventListener("blur", () => setTimeout(() => this.hide(), 150));
    by("composer").addEventListener("submit", (event) => { event.preventDefault(); this.submit(); });
    by("menu-button").addEventListener("click", () => this.onMenu());
    by("reply-cancel").addEventListener("click", () => this.reply(null));
    by("start").addEventListener("click", () => this.actions.send("/start"));
  }

  setMenu(commands, menuButton) {
    this.commands = commands;
    this.menuButton = menuButton;
    const opens = menuButton?.type === "web_app";
    by("menu-label").textContent = opens ? menuButton.text : "Menu";
    by("menu-button").hidden = !opens && !commands.length;
  }

  // A chat without a word from its owner offers one thing to do.
  setStarted(started) {
    by("start").hidden = started;
    by("composer").hidden = !started;
  }

  reply(message) {
    this.replied = message;
    by("reply-bar").hidden = !message;
    if (message) {
      by("reply-name").textContent = message.from.first_name;
      by("reply-snippet").textContent = snippet(message);
      this.input.focus();
    }
  }

  submit() {
    const text = this.input.value.trim();
    if (!text) return;
    this.actions.send(text, this.replied?.message_id);
    this.input.value = "";
    this.reply(null);
    this.onInput();
  }

  onInput() {
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
    const typed = this.input.value.match(/^\/(\w*)$/);
    if (!typed) return this.hide();
    this.suggest(this.commands.filter((command) => command.command.startsWith(typed[1].toLowerCase())));
  }

  onMenu() {
    if (this.menuButton?.type === "web_app") return openAddress(this.menuButton.web_app.url, this.actions);
    if (!this.list.hidden) return this.hide();
    this.input.focus();
    this.suggest(this.commands);
  }

  suggest(commands) {
    this.list.replaceChildren();
    this.active = -1;
    for (const command of commands) {
      const made = element("button", "suggestion");
      made.type = "button";
      made.setAttribute("role", "option");
      made.append(element("b", "", `/${command.command}`), element("span", "", command.description));
      made.addEventListener("mousedown", (event) => event.preventDefault());
      made.addEventListener("click", () => { this.input.value = `/${command.command}`; this.submit(); });
      this.list.append(made);
    }
    this.list.hidden = !commands.length;
  }

  hide() {
    this.list.hidden = true;
    this.active = -1;
  }

  move(step) {
    const options = [...this.list.children];
    this.active = (this.active + step + options.length) % options.length;
    options.forEach((option, i) => option.classList.toggle("active", i === this.active));
    options[this.active].scrollIntoView({ block: "nearest" });
  }

  onKey(event) {
    if (event.isComposing) return;
    const open = !this.list.hidden;
    if (open && (event.key === "ArrowDown" || event.key === "ArrowUp")) {
      event.preventDefault();
      this.move(event.key === "ArrowDown" ? 1 : -1);
    } else if (event.key === "Escape") {
      if (open) this.hide(); else this.reply(null);
    } else if (open && event.key === "Tab") {
      event.preventDefault();
      const chosen = this.list.children[Math.max(this.active, 0)];
      this.input.value = `${chosen.firstChild.textContent} `;
      this.hide();
    } else if (event.key === "Enter" && !event.shiftKey) {
      event.preventDefault();
      if (open && this.active >= 0) this.list.children[this.active].click();
      else this.submit();
    }
  }
}
