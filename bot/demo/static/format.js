// Text and entities in, DOM out. Never through innerHTML: what a message says can't become markup.

const SIMPLE = { bold: "b", italic: "i", underline: "u", strikethrough: "s", code: "code" };
const COPIED = "Copied";

export function element(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export function icon(name, className) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  if (className) svg.setAttribute("class", className);
  svg.append(use);
  return svg;
}

// actions: { send(text), toast(text) }
export function formatted(text, entities, actions) {
  const root = element("div", "text");
  fill(root, text, 0, text.length, entities ?? [], actions);
  return root;
}

function fill(parent, text, from, to, entities, actions) {
  let at = from;
  for (let i = 0; i < entities.length; ) {
    const entity = entities[i];
    const start = Math.max(entity.offset, at);
    const end = Math.min(entity.offset + entity.length, to);
    let next = i + 1;
    while (next < entities.length && entities[next].offset < end) next += 1;
    if (start < end) {
      const before = text.slice(at, start);
      parent.append(isBlock(entity) ? before.replace(/\n$/, "") : before);
      const [outer, inner] = dress(entity, text.slice(start, end), actions);
      fill(inner, text, start, end, entities.slice(i + 1, next), actions);
      parent.append(outer);
      at = end;
      // A block brings its own line break.
      if (isBlock(entity) && text[at] === "\n") at += 1;
    }
    i = next;
  }
  parent.append(text.slice(at, to));
}

function isBlock(entity) {
  return entity.type === "pre" || entity.type.endsWith("blockquote");
}

// [the element to insert, the element its text goes into]
function dress(entity, text, actions) {
  switch (entity.type) {
    case "pre":
      return block(entity, text, actions);
    case "blockquote":
    case "expandable_blockquote":
      return quote(entity.type !== "blockquote");
    case "spoiler":
      return same(onClick(element("span", "spoiler"), (made) => made.classList.add("open")));
    case "text_link":
      return same(link(entity.url));
    case "url":
      return same(link(text));
    case "bot_command":
      return same(onClick(element("span", "act"), () => actions.send(text)));
    case "date_time":
      return moment(entity);
    case "mention":
    case "hashtag":
    case "cashtag":
    case "text_mention":
      return same(element("span", "act"));
    case "code":
      return same(onClick(element("code"), () => copy(text, actions)));
    default:
      return same(element(SIMPLE[entity.type] ?? "span"));
  }
}

function same(made) {
  return [made, made];
}

function onClick(made, act) {
  made.addEventListener("click", () => act(made));
  return made;
}

function link(url) {
  const made = element("a");
  if (/^https?:\/\//i.test(url)) {
    made.href = url;
    made.target = "_blank";
    made.rel = "noopener noreferrer";
    made.title = url;
  }
  return made;
}

function block(entity, text, actions) {
  const outer = element("div", "block");
  if (entity.language) outer.append(element("span", "label", entity.language));
  const pre = element("pre");
  const button = element("button", "copy");
  button.setAttribute("aria-label", "Copy");
  button.append(icon("copy"));
  button.addEventListener("click", () => copy(text, actions));
  outer.append(pre, button);
  return [outer, pre];
}

function quote(folds) {
  const outer = element("span", folds ? "quoted folds" : "quoted");
  const inner = element("span", "folded");
  outer.append(inner);
  if (folds) {
    outer.append(icon("down", "chevron"));
    outer.setAttribute("role", "button");
    outer.tabIndex = 0;
    const toggle = () => outer.classList.toggle("open");
    outer.addEventListener("click", (event) => {
      if (!event.target.closest("a, .act, code, .spoiler") && !String(getSelection())) toggle();
    });
    outer.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); toggle(); }
    });
  }
  return [outer, inner];
}

export async function copy(text, actions) {
  try {
    await navigator.clipboard.writeText(text);
    actions.toast(COPIED);
  } catch {
    actions.toast(text);
  }
}

// <tg-time>: shown in the reader's own zone; "r" counts from now and is kept fresh by refreshMoments.
function moment(entity) {
  const made = element("time", "when");
  const date = new Date(entity.unix_time * 1000);
  made.dateTime = date.toISOString();
  made.title = date.toLocaleString(undefined, { dateStyle: "full", timeStyle: "medium", hourCycle: "h23" });
  const format = entity.date_time_format ?? "";
  if (!format) return same(made);
  if (format === "r") made.dataset.unix = entity.unix_time;
  made.textContent = format === "r" ? relative(entity.unix_time) : absolute(date, format);
  return [made, document.createDocumentFragment()];
}

function absolute(date, format) {
  const parts = [];
  if (format.includes("w")) parts.push(date.toLocaleDateString(undefined, { weekday: "long" }));
  if (format.includes("d")) parts.push(date.toLocaleDateString(undefined, { dateStyle: "short" }));
  if (format.includes("D")) parts.push(date.toLocaleDateString(undefined, { dateStyle: "long" }));
  if (format.includes("t")) parts.push(date.toLocaleTimeString(undefined, { timeStyle: "short", hourCycle: "h23" }));
  if (format.includes("T")) parts.push(date.toLocaleTimeString(undefined, { timeStyle: "medium", hourCycle: "h23" }));
  return parts.join(", ");
}

const STEPS = [[60, "second", 1], [3600, "minute", 60], [86400, "hour", 3600], [Infinity, "day", 86400]];

function relative(unix) {
  const seconds = Math.round(unix - Date.now() / 1000);
  const [, unit, size] = STEPS.find(([below]) => Math.abs(seconds) < below);
  return new Intl.RelativeTimeFormat("en", { numeric: "auto" }).format(Math.trunc(seconds / size), unit);
}

export function refreshMoments(root) {
  for (const made of root.querySelectorAll("time[data-unix]")) {
    made.textContent = relative(Number(made.dataset.unix));
  }
}

export function clock(unix) {
  return new Date(unix * 1000).toLocaleTimeString(undefined, { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

export function day(unix) {
  const date = new Date(unix * 1000);
  const today = new Date();
  const yesterday = new Date(today.getTime() - 86_400_000);
  if (date.toDateString() === today.toDateString()) return "Today";
  if (date.toDateString() === yesterday.toDateString()) return "Yesterday";
  return date.toLocaleDateString(undefined, { day: "numeric", month: "long" });
}

export function bytes(count) {
  if (count < 1024) return `${count} B`;
  if (count < 1024 * 1024) return `${(count / 1024).toFixed(1)} KB`;
  return `${(count / 1024 / 1024).toFixed(1)} MB`;
}

// One line that stands for a message in a reply, a pin or a notification.
export function snippet(message) {
  const words = (message.text ?? message.caption ?? "").replace(/\s+/g, " ").trim();
  if (words) return message.photo ? `🖼 ${words}` : words;
  if (message.photo) return "Photo";
  return message.document ? message.document.file_name : "Message";
}
