// The page's life: one stream of events in, small JSON requests out.

import { element, snippet } from "./format.js";
import { Feed } from "./feed.js";
import { Composer } from "./composer.js";
import { setControls, setTries } from "./panel.js";

const by = (id) => document.getElementById(id);
const TITLE = document.title;
const TOAST_MS = 3_200;
const ACTIVE_MS = 5_500;
const STATES = {
  online: "bot · online",
  waiting: "waiting for the bot to start",
  outage: "the bot can't reach Telegram",
};
const DOING = { typing: "is typing", upload_photo: "is sending a photo", upload_document: "is sending a file" };

let bot = { first_name: "Perpilot" };
let pins = [];
let connection = "waiting";
let activeUntil = null;

async function post(path, body = {}) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!answer.ok) throw new Error(await answer.text());
  return answer.json();
}

let toastTimer;
function toast(text) {
  by("toast").textContent = text;
  by("toast").classList.add("on");
  clearTimeout(toastTimer);
  toastTimer = setTimeout(() => by("toast").classList.remove("on"), TOAST_MS);
}

const lost = (error) => toast(error instanceof TypeError ? "The stand-in can't be reached." : error.message);

const actions = {
  toast,
  send: (text, replyTo) => post("/chat/send", { text, reply_to: replyTo ?? null }).catch(lost),
  reply: (message) => composer.reply(message),
  show: (messageId) => feed.show(messageId),
  view(url) {
    by("viewer-image").src = url;
    by("viewer").showModal();
  },
  async tap(messageId, data, key) {
    key.classList.add("busy");
    try {
      const { answer } = await post("/chat/tap", { message_id: messageId, data });
      if (!answer) toast("The bot did not answer.");
      else if (answer.show_alert) alertWith(answer.text);
      else if (answer.text) toast(answer.text);
    } catch (error) {
      lost(error);
    }
    key.classList.remove("busy");
  },
};

function alertWith(text) {
  by("alert-text").textContent = text;
  by("alert").showModal();
}

const feed = new Feed(actions, (unread) => { document.title = unread ? `(${unread}) ${TITLE}` : TITLE; });
const composer = new Composer(actions);

function welcome() {
  const made = element("div", "welcome");
  const image = element("img");
  image.src = "/static/logo.svg";
  image.width = image.height = 64;
  image.alt = "";
  made.append(image, element("h3", "", `What can ${bot.first_name} do?`));
  made.append(element("p", "", bot.description || "Press START and it will tell you."));
  return made;
}

function setMenu({ commands, menu_button: menuButton }) {
  composer.setMenu(commands, menuButton);
  setTries(commands, actions.send);
}

function setPinned({ pinned }) {
  pins = pinned;
  const message = feed.get(pins[pins.length - 1]);
  by("pinned").hidden = !message;
  if (message) by("pinned-snippet").textContent = snippet(message);
}

function setConnection(state) {
  connection = state;
  const status = by("status");
  const doing = activeUntil && `${activeUntil}…`;
  status.textContent = doing || STATES[state] || "connecting";
  status.className = `status ${doing ? "active" : state}`;
  by("panel-dot").className = `dot ${state}`;
  by("panel-state").textContent = { online: "The bot is connected", waiting: "The bot is not connected", outage: "Telegram is cut off" }[state] ?? "Connecting";
  by("banner").hidden = state !== "outage" && state !== "lost";
  by("banner").classList.toggle("quiet", state === "lost");
  by("banner").textContent = state === "lost" ? "Reconnecting…" : "Simulated outage: the bot can't reach Telegram. What you send waits.";
}

let activeTimer;
function setActive(action) {
  activeUntil = action ? DOING[action] ?? "is busy" : null;
  clearTimeout(activeTimer);
  if (action) activeTimer = setTimeout(() => setActive(null), ACTIVE_MS);
  setConnection(connection);
}

const handlers = {
  snapshot(event) {
    bot = { ...event.bot, description: event.description };
    for (const name of document.querySelectorAll(".bot-name")) name.textContent = bot.first_name;
    feed.reset(event.messages, welcome);
    composer.setStarted(event.messages.length > 0);
    setMenu(event);
    setPinned(event);
    setControls(event.controls, (id) => post(`/control/${id}`), toast, lost);
    setConnection(event.connection);
  },
  message({ message }) {
    composer.setStarted(true);
    if (!message.is_mine) setActive(null);
    feed.add(message);
  },
  edit({ message }) {
    feed.edit(message);
    setPinned({ pinned: pins });
  },
  delete({ message_id: messageId }) {
    feed.remove(messageId);
    setPinned({ pinned: pins });
  },
  action({ action }) {
    setActive(action);
    feed.startTyping();
  },
  draft({ draft }) {
    feed.draft(draft, (draftId) => post("/chat/stop", { draft_id: draftId }).catch(lost));
  },
  pinned: setPinned,
  commands: setMenu,
  connection({ state }) { setConnection(state); },
};

function connect() {
  const stream = new EventSource("/chat/events");
  stream.onmessage = ({ data }) => {
    const event = JSON.parse(data);
    handlers[event.type]?.(event);
  };
  // The browser reconnects by itself after a broken stream, but not after a refusal.
  stream.onerror = () => {
    setConnection("lost");
    if (stream.readyState === EventSource.CLOSED) setTimeout(connect, 2_000);
  };
}

by("pinned").addEventListener("click", () => feed.show(pins[pins.length - 1]));
by("viewer").addEventListener("click", () => by("viewer").close());
connect();
