// One message as a row of the feed.

import { bytes, clock, copy, element, formatted, icon, snippet } from "./format.js";

// actions: { send, toast, tap(messageId, data), reply(message), show(messageId), view(url) }
export function renderMessage(message, actions) {
  const row = element("div", `row ${message.is_mine ? "out" : "in"}`);
  row.dataset.id = message.message_id;
  const stack = element("div", "stack");
  stack.append(bubble(message, actions));
  const keyboard = message.reply_markup?.inline_keyboard;
  if (keyboard?.length) stack.append(keys(message, keyboard, actions));
  stack.append(answerButton(message, actions));
  row.append(stack);
  return row;
}

function bubble(message, actions) {
  const made = element("div", "bubble");
  const words = message.text ?? message.caption;
  if (message.reply_to_message) {
    made.classList.add("with-reply");
    made.append(reply(message.reply_to_message, actions));
  }
  if (message.photo_file) {
    made.classList.add("with-photo");
    made.append(photo(message.photo_file, actions));
  }
  if (message.document_file) made.append(documentLink(message.document_file));
  if (words) made.append(formatted(words, message.entities ?? message.caption_entities, actions));
  if (!words && !message.photo_file && !message.document_file) made.append(element("i", "", "Unsupported content"));
  if (message.photo_file && !words && !message.reply_to_message) made.classList.add("bare");
  // Inside the text the time can share its last line.
  const text = made.querySelector(":scope > .text");
  if (message.reactions.length) made.append(reactions(message.reactions));
  (text && !message.reactions.length ? text : made).append(meta(message));
  made.append(element("div", "clear"));
  return made;
}

function meta(message) {
  const made = element("span", "meta");
  if (message.edit_date) made.append(element("span", "", "edited"));
  made.append(element("span", "", clock(message.date)));
  if (message.is_mine) made.append(icon("check"));
  return made;
}

function reactions(emoji) {
  const made = element("div", "reactions");
  for (const symbol of emoji) made.append(element("span", "reaction", symbol));
  return made;
}

function reply(replied, actions) {
  const made = element("button", "reply");
  made.append(element("b", "", replied.from.first_name), element("span", "", snippet(replied)));
  made.addEventListener("click", () => actions.show(replied.message_id));
  return made;
}

function photo(file, actions) {
  const made = element("button", "photo");
  made.setAttribute("aria-label", "Enlarge the picture");
  const image = element("img");
  image.src = file.url;
  image.width = file.width;
  image.height = file.height;
  image.alt = file.name;
  made.append(image);
  made.addEventListener("click", () => actions.view(file.url));
  return made;
}

function documentLink(file) {
  const made = element("a", "document");
  made.href = file.url;
  made.download = file.name;
  const glyph = element("span", "glyph");
  const extension = file.name.includes(".") ? file.name.split(".").pop().slice(0, 4) : "";
  glyph.append(extension || icon("file"));
  const words = element("span");
  words.append(element("b", "", file.name), element("small", "", bytes(file.size)));
  made.append(glyph, words);
  return made;
}

function keys(message, keyboard, actions) {
  const made = element("div", "keys");
  for (const buttons of keyboard) {
    const row = element("div", "key-row");
    for (const button of buttons) row.append(key(message, button, actions));
    made.append(row);
  }
  return made;
}

function key(message, button, actions) {
  const made = element("button", `key ${button.style ?? ""}`);
  made.append(element("span", "", button.text));
  if (button.disabled) {
    made.classList.add("off");
    made.disabled = true;
  } else if (button.callback_data) {
    made.dataset.data = button.callback_data;
    made.addEventListener("click", () => actions.tap(message.message_id, button.callback_data, made));
  } else if (button.copy_text) {
    made.append(icon("copy", "corner"));
    made.addEventListener("click", () => copy(button.copy_text.text, actions));
  } else if (button.url || button.web_app) {
    made.append(icon(button.web_app ? "app" : "link", "corner"));
    made.addEventListener("click", () => openAddress(button.url ?? button.web_app.url, actions));
  }
  return made;
}

export function openAddress(url, actions) {
  if (/^https?:\/\//i.test(url)) window.open(url, "_blank", "noopener,noreferrer");
  else actions.toast(url);
}

function answerButton(message, actions) {
  const made = element("button", "icon-button answer");
  made.setAttribute("aria-label", "Reply");
  made.append(icon("reply"));
  made.addEventListener("click", () => actions.reply(message));
  return made;
}

export function renderTyping() {
  const row = element("div", "row in typing");
  const made = element("div", "bubble");
  made.append(element("i"), element("i"), element("i"));
  row.append(made);
  return row;
}

export function renderDraft(draft, actions, onStop) {
  const row = element("div", "row in draft");
  const stack = element("div", "stack");
  const made = element("div", "bubble");
  made.append(formatted(draft.text || "…", draft.entities, actions));
  stack.append(made);
  if (draft.can_stop) {
    const list = element("div", "keys");
    const line = element("div", "key-row");
    const stop = element("button", "key", "Stop");
    stop.addEventListener("click", onStop);
    line.append(stop);
    list.append(line);
    stack.append(list);
  }
  row.append(stack);
  return row;
}
